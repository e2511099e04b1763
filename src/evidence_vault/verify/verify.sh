#!/bin/sh
# verify.sh - checks receipts and bundles of evidence-vault with stock tools alone.
#
#   sh verify.sh [-t TRUST.json] [-c] RECEIPT [FILE]
#   sh verify.sh [-t TRUST.json] [-c] [-e BUNDLE-ID] BUNDLE-FOLDER
#
#   -t  the trust file of the archive, received by another channel than the evidence
#   -e  the bundle id that its sender told you
#   -c  do not demand the ML-DSA-44 (post-quantum) signature of the log where OpenSSL is too old
#
# It needs a POSIX shell, awk, sed, coreutils (od, base64, sha256sum or shasum) and OpenSSL 3.0 or
# later; 3.5 or later for ML-DSA-44. No network, nothing else of ours: it was written apart from the
# program, so that a mistake of the one is not a mistake of the other.
#
# Exit status: 0 everything matches, 2 wrong call, 3 something could not be checked, 10 something
# does not match, 11 the log contradicts itself. Of several, 11 before 10 before 3.
#
# WHERE THIS FILE COMES FROM MATTERS. A copy that came inside a bundle proves nothing about that
# bundle: whoever forged the bundle may have forged the copy. Use the copy that came with the trust
# file, by another channel, and compare its SHA-256.
#
# How it works. The shell copies what is small into a private folder and hashes the rest where it
# lies. One awk program then reads the copies strictly: only the one spelling of the format pages is
# accepted. What awk can't do (SHA-256, signatures) it asks of the shell through three fixed helper
# scripts; nothing that came with the evidence is ever run, expanded or printed unescaped.

set -u
set -f
umask 077
LC_ALL=C
export LC_ALL
unset CDPATH ENV BASH_ENV OPENSSL_CONF POSIXLY_CORRECT
IFS=' 	
'

usage() {
  printf '%s\n' "usage: sh verify.sh [-t TRUST.json] [-c] RECEIPT [FILE]" \
    "       sh verify.sh [-t TRUST.json] [-c] [-e BUNDLE-ID] BUNDLE-FOLDER" >&2
  exit 2
}
stop() { # stop STATUS TEXT
  printf '%s\n' "$2" | sed 's/[^ -~]/?/g'
  exit "$1"
}

TRUST='' EXPECT='' EXPECTING=0 EV_CLASSICAL=0
while [ $# -gt 0 ]; do
  case $1 in
    -t|--trust) [ $# -ge 2 ] || usage; TRUST=$2; shift 2;;
    -e|--expect) [ $# -ge 2 ] || usage; EXPECT=$2 EXPECTING=1; shift 2;;
    -c|--classical) EV_CLASSICAL=1; shift;;
    --) shift; break;;
    -?*) usage;;
    *) break;;
  esac
done
[ $# -eq 1 ] || [ $# -eq 2 ] || usage
EV_EXPECT=''
if [ $EXPECTING = 1 ]; then
  EV_EXPECT=$(printf %s "$EXPECT" | tr -d ' \t\n' | tr A-F a-f)
  case $EV_EXPECT in ''|*[!0-9a-f]*) EV_EXPECT="no bundle id";; esac
fi

path() { case $1 in -*) printf './%s' "$1";; *) printf %s "$1";; esac; }
TARGET=$(path "$1"; printf x) TARGET=${TARGET%x} FILE=
[ $# -eq 1 ] || { FILE=$(path "$2"; printf x); FILE=${FILE%x}; }
[ -z "$TRUST" ] || { TRUST=$(path "$TRUST"; printf x); TRUST=${TRUST%x}; }
for F in "$TARGET" "$FILE" "$TRUST"; do
  [ -z "$F" ] || [ -e "$F" ] || stop 2 "there is no file or folder $F"
done
[ -z "$TRUST" ] || [ -f "$TRUST" ] || stop 2 "$TRUST is not a file"
[ -z "$FILE" ] || [ -f "$FILE" ] || stop 2 "$FILE is not a file"
[ ! -d "$TARGET" ] || [ -z "$FILE" ] || stop 2 "a bundle is verified by naming it alone"
[ -d "$TARGET" ] || [ $EXPECTING = 0 ] || stop 2 "-e goes with a bundle folder"

# ---- tools ---------------------------------------------------------------------------------------

if command -v sha256sum >/dev/null 2>&1; then SUM256=sha256sum; else SUM256="shasum -a 256"; fi
if command -v sha512sum >/dev/null 2>&1; then SUM512=sha512sum; else SUM512="shasum -a 512"; fi
sum256() { $SUM256 "$@"; }
sum512() { $SUM512 "$@"; }
A=$(printf abc | sum256 2>/dev/null)
[ "${A%% *}" = ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad ] ||
  stop 3 "COULD NOT BE CHECKED: no working sha256sum or shasum here"
A=$(openssl version 2>/dev/null) || A=
case $A in
  "OpenSSL 3."*) MINOR=${A#OpenSSL 3.}; MINOR=${MINOR%%.*}
    case $MINOR in [0-4]) EV_PQ=0;; *) EV_PQ=1;; esac;;
  "OpenSSL "[4-9].*|"OpenSSL "[1-9][0-9].*) EV_PQ=1;;
  *) stop 3 "COULD NOT BE CHECKED: OpenSSL 3.0 or later is needed, found: ${A:-none}";;
esac
export EV_PQ EV_CLASSICAL EV_EXPECT SUM256 SUM512

T=$(mktemp -d "${TMPDIR:-/tmp}/verify.XXXXXXXXXX") || stop 3 "no private folder could be made"
trap 'rm -rf "$T"' 0
trap 'exit 130' 1 2 3 15
mkdir "$T/in" "$T/h" "$T/s"
: > "$T/listing"; : > "$T/meta"; : > "$T/sum256"; : > "$T/sum512"; : > "$T/size"
: > "$T/inside"

# ---- helpers that awk calls, always with the same words ---------------------------------------------

cat > "$T/hash" <<'EOF'
# Writes the files that hold bytes (NAME OCTAL; NAME LEAF, after a zero byte) and hashes what is new.
while read -r N O; do printf %b "$O" > "$N"; done < bytes
while IFS= read -r L; do printf '\000%s' "${L#* }" > "${L%% *}"; done < leaves
set +f
: > sums
for D in h/*; do
  [ -d "$D" ] || continue
  (cd "$D" && $SUM256 *) >> sums || exit 1
  rm -rf "$D"
done
EOF
cat > "$T/check" <<'EOF'
# Checks signatures: NUMBER ALGORITHM KEY MESSAGE SIGNATURE; answers NUMBER yes|no|unknown.
: > answers
while read -r N A K M S; do
  O=$(openssl pkeyutl -verify -pubin -inkey "$K" $([ "$A" = ed25519 ] && printf %s -rawin) \
    -in "$M" -sigfile "$S" 2>&1)
  C=$?
  case $C.$O in
    0.*"Signature Verified Successfully"*) R=yes;;
    0.*) R=unknown;;
    *"Signature Verification Failure"*) R=no;;
    *) R=unknown;;
  esac
  printf '%s %s\n' "$N" "$R" >> answers
done < jobs
EOF
cat > "$T/stamps" <<'EOF'
# Checks time stamps: NUMBER REPLY(base64) DATA ROOTS; answers NUMBER RESULT, and the text of the reply.
: > stamped
while read -r N B D R; do
  base64 -d < "$B" > "s/reply.$N" 2>/dev/null
  openssl ts -reply -in "s/reply.$N" -text > "s/text.$N" 2>/dev/null
  E=$(awk -f epoch.awk "s/text.$N" 2>/dev/null)
  case $E in
    ''|*[!0-9]*) O=malformed;;
    *) if [ -s "$R" ]; then
         O=$(openssl ts -verify -data "$D" -in "s/reply.$N" -CAfile "$R" -attime "$E" 2>&1)
       else O=$(openssl ts -verify -data "$D" -in "s/reply.$N" -CAfile /dev/null -attime "$E" 2>&1)
       fi;;
  esac
  case $O in
    *"Verification: OK"*) A=yes;;
    *"mismatch"*) A=other;;
    *"unable to get"*|*"self-signed"*|*"self signed"*|*"load"*|*"no certificate"*) A=stranger;;
    *) A=no;;
  esac
  printf '%s %s %s\n' "$N" "$A" "${E:-0}" >> stamped
done < stampjobs
EOF
cat > "$T/epoch.awk" <<'EOF'
# The time in a reply, as seconds since 1970: "Time stamp: Nov 23 10:00:00 2026 GMT".
/^Status: Granted/ { granted = 1 }
/^Time stamp: / {
  split($5, t, ":"); d = $4 + 0; y = $6 + 0
  m = (index("JanFebMarAprMayJunJulAugSepOctNovDec", $3) + 2) / 3
  if (m != int(m) || y < 1970 || y > 9999 || $7 != "GMT") next
  if (m < 3) { y--; m += 12 }
  days = 365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * (m - 3) + 2) / 5) + d - 719469
  seconds = days * 86400 + t[1] * 3600 + t[2] * 60 + int(t[3])
}
END { if (granted && seconds > 0) printf "%d\n", seconds }
EOF

# ---- what is copied and hashed ---------------------------------------------------------------------

# take NAME SOURCE: a copy that is read from now on, and "NAME BYTES CONTROLS LASTBYTE" in meta.
take() {
  cat < "$2" > "$T/in/$1" 2>/dev/null || { printf '%s unreadable 0 0\n' "$1" >> "$T/meta"; return; }
  B=$(wc -c < "$T/in/$1") C=$(tr -d '\n\040-\377' < "$T/in/$1" | wc -c)
  L=$(tail -c 1 "$T/in/$1" | od -An -v -tx1)
  printf '%s %d %d %s\n' "$1" "$B" "$C" "${L# }" >> "$T/meta"
}

[ -z "$TRUST" ] || take trust "$TRUST"
if [ ! -d "$TARGET" ]; then
  EV_MODE=receipt
  [ -f "$TARGET" ] || stop 10 "DOES NOT MATCH: neither a file nor a folder"
  take receipt "$TARGET"
  case $(head -c 30 "$T/in/receipt" | tr -d '\000' | sed 1q) in
    evidence-vault/receipt/v1*) ;;
    age-encryption.org/v1*) stop 3 "COULD NOT BE CHECKED: this file is encrypted; decrypt it first (V-IS-AGE)";;
    PK*) stop 3 "COULD NOT BE CHECKED: this is a ZIP; unpack it with a program that you trust and name the folder (V-IS-ZIP)";;
    '{"kind":"evidence-vault/trust"'*) stop 3 "COULD NOT BE CHECKED: this is a trust file; it is given with -t (V-IS-TRUST)";;
    '{"bundle_id":'*) stop 3 "COULD NOT BE CHECKED: this is the statement of a bundle; name the whole folder (V-IS-STATEMENT)";;
    '') [ -s "$T/in/receipt" ] || stop 3 "COULD NOT BE CHECKED: the file is empty (V-IS-EMPTY)";;
  esac
  if [ -n "$FILE" ]; then
    A=$(sum256 < "$FILE") B=$(sum512 < "$FILE") C=$(wc -c < "$FILE")
    printf '%s %s %d\n' "${A%% *}" "${B%% *}" "$C" > "$T/filesums"
  fi
else
  EV_MODE=bundle
  # One line for each thing in the folder: f file, d folder, l link, s pipe or device, j left by an
  # operating system, u unsafe name (written out). Only f and d are gone into.
  walk() { # walk FOLDER: "" or a path that ends in a slash
    set +f
    set -- "$1" "./$1"* "./$1".[!.]* "./$1"..?*
    set -f
    shift
    for F do
      [ -e "$F" ] || [ -L "$F" ] || continue
      N=${F#./}
      B=$(lower "${N##*/}")
      if [ -L "$F" ]; then K=l
      elif [ ! -f "$F" ] && [ ! -d "$F" ]; then K=s
      else
        K=f
        [ ! -d "$F" ] || K=d
        case $K.$B in # files of the one kind of names, folders of the other
          f..ds_store|f.thumbs.db|f.ehthumbs.db|f.desktop.ini|f..directory|f.._*) K=j;;
          d.__macosx|d..spotlight-v100|d..trashes|d..fseventsd) K=j;;
        esac
      fi
      case $N in
        *[!A-Za-z0-9._/-]*) [ $K = j ] || [ $K = l ] || [ $K = s ] || K=u
          N=$(printf %s "$N" | tr -c 'A-Za-z0-9._/-' '?');;
      esac
      [ ${#N} -le 1024 ] || K=u
      printf '%s %s\n' $K "$N" >> "$T/listing"
      [ $K != d ] || printf '%s/\n' "$N" >> "$T/folders"
    done
  }
  lower() { case $1 in *[A-Z]*) printf %s "$1" | tr A-Z a-z;; *) printf %s "$1";; esac; }
  cd "$TARGET" 2>/dev/null || stop 3 "COULD NOT BE CHECKED: the folder can't be opened"
  : > "$T/folders"
  walk ""
  DONE=0
  while :; do # folders found on the way stand at the end of the list
    DONE=$((DONE + 1))
    D=$(sed -n "${DONE}p" "$T/folders")
    [ -n "$D" ] || break
    [ $DONE -le 10000 ] || stop 3 "COULD NOT BE CHECKED: too many folders"
    walk "$D"
  done
  sums() {
    [ $# -gt 0 ] || return 0
    sum256 -- "$@" >> "$T/sum256" 2>/dev/null
    sum512 -- "$@" >> "$T/sum512" 2>/dev/null
    wc -c -- "$@" | sed '/ total$/d' >> "$T/size" 2>/dev/null
  }
  set --
  while read -r K N; do
    [ "$K" = f ] || continue
    if [ "$N" = padding ]; then # zeros alone hide the size of an encrypted ZIP; anything else is added
      A=$(tr -dc '\000' < "$N" 2>/dev/null | wc -c) B=$(wc -c < "$N" 2>/dev/null)
      if [ -n "$B" ] && [ "$A" -eq "$B" ]; then printf '%d\n' "$B" > "$T/padding"; continue; fi
    fi
    case $N in
      data/*) ;;
      *) case $(head -c 30 < "$N" 2>/dev/null | tr -d '\000') in
          '{"kind":"evidence-vault/trust"'*) printf '%s\n' "$N" >> "$T/inside";;
        esac;;
    esac
    case $N in
      statement.json|statement.sig|statement.sshsig|index.csv|*manifest-sha256.txt|*manifest-sha512.txt) ;;
      receipts/*.txt|keys/*.pem|copies/*.json) ;;
      *) set -- "$@" "$N"; [ $# -lt 200 ] || { sums "$@"; set --; }; continue;;
    esac
    M=$(printf %s "$N" | tr / +)
    take "$M" "$N"
  done < "$T/listing"
  sums "$@"
  # The copies are hashed, not the files they were made from: what was hashed is what is read.
  cd "$T/in" || exit 3
  set +f
  copies() { sum256 -- "$@" >> "$T/sum256"; sum512 -- "$@" >> "$T/sum512"
    wc -c -- "$@" | sed '/ total$/d' >> "$T/size"; }
  set -- *
  set -f
  [ ! -e "$1" ] || copies "$@"
  if [ -f statement.sig ]; then od -An -v -tx1 statement.sig | tr -d ' \n' > "$T/sigbytes"; fi
fi
export EV_MODE
cd "$T" || exit 3

# ---- the program -------------------------------------------------------------------------------------
cat > lib.awk <<'EOF'
# ---- findings ----
# f(OUTCOME, CODE, SUBJECT, TEXT): M matches, D does not match, U could not be checked, I information.
function f(o, code, subject, text,  k) {
  if (o == "D") { BAD = 1; if (code ~ /-LOG-FORK$/) FORK = 1 }
  if (o == "U") OPEN = 1
  if (code == "V-PQ-NOT-DEMANDED") LEFT_OUT = 1
  k = o SUBSEP code SUBSEP subject SUBSEP text
  if (k in SAID) return
  SAID[k] = 1
  NF_++
  FO[NF_] = o; FC[NF_] = code; FS_[NF_] = subject; FT[NF_] = text
}
function safe(s) { gsub(/[^ -~]/, "?", s); return length(s) > 400 ? substr(s, 1, 400) " ..." : s }
function finish(  i, w, head) {
  for (i = 1; i <= NF_; i++) {
    w = FO[i] == "M" ? "OK" : FO[i] == "D" ? "DOES NOT MATCH" : FO[i] == "U" ? "COULD NOT BE CHECKED" : "NOTE"
    print w ": " (FS_[i] == "" ? "" : safe(FS_[i]) ": ") safe(FT[i]) " (" FC[i] ")\n"
  }
  if (FORK) head = "RESULT: THE LOG CONTRADICTS ITSELF. Two histories were signed. Keep all files."
  else if (BAD) head = "RESULT: DOES NOT MATCH"
  else if (OPEN) head = "RESULT: COULD NOT BE CHECKED completely. What is not listed as OK is not proved."
  else head = "RESULT: OK. Everything that had to be checked matches." (LEFT_OUT ? " ML-DSA-44 signatures were not." : "")
  print head "\n"
  exit FORK ? 11 : BAD ? 10 : OPEN ? 3 : 0
}

# ---- bytes, hex, base64, text ----
function setup(  i, j, h, a, c) {
  ORS = ""
  OPENPQ = ENVIRON["EV_PQ"] == 1
  CLASSICAL = ENVIRON["EV_CLASSICAL"] == 1
  h = "0123456789abcdef"
  for (i = 1; i < 256; i++) {
    c = sprintf("%c", i)
    ORD[c] = i
    CH[substr(h, int(i / 16) + 1, 1) substr(h, i % 16 + 1, 1)] = c
    C[i] = c
  }
  for (i = 0; i < 256; i++) {
    X2[i] = substr(h, int(i / 16) + 1, 1) substr(h, i % 16 + 1, 1)
    DEC[X2[i]] = i
    OCT[X2[i]] = "\\0" int(i / 64) int(i / 8) % 8 i % 8
  }
  a = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  for (i = 0; i < 64; i++) for (j = 0; j < 64; j++)
    B3[substr(a, i + 1, 1) substr(a, j + 1, 1)] = X2[int((i * 64 + j) / 16)] substr(h, j % 16 + 1, 1)
  CTRL = "[" C[1] "-" C[31] "]"
  HIGH = "[" C[128] "-" C[255] "]"
  T = "[" C[128] "-" C[191] "]"
  U2 = "[" C[194] "-" C[223] "]" T
  U3A = C[224] "[" C[160] "-" C[191] "]" T
  U3B = "[" C[225] "-" C[236] C[238] C[239] "]" T T
  U3C = C[237] "[" C[128] "-" C[159] "]" T
  U4A = C[240] "[" C[144] "-" C[191] "]" T T
  U4B = "[" C[241] "-" C[243] "]" T T T
  U4C = C[244] "[" C[128] "-" C[143] "]" T T
  ED25519 = "302a300506032b6570032100"
  MLDSA44 = "30820532300b0609608648016503040311038205210" "0"
  MAXINT = "9007199254740991"
  fields()
}
function hex(s, n) { return length(s) == n && s !~ /[^0-9a-f]/ }
function b64ok(s,  n) {
  n = length(s)
  if (n == 0 || n % 4 || s !~ /^[A-Za-z0-9+\/]+=?=?$/) return 0
  if (s ~ /==$/) return substr(s, n - 2, 1) ~ /[AQgw]/
  if (s ~ /=$/) return substr(s, n - 1, 1) ~ /[AEIMQUYcgkosw048]/
  return 1
}
# The bytes of base64 that b64ok accepts, in hex.
function b64hex(s,  n, p, i, o) {
  n = length(s)
  p = s ~ /==$/ ? 2 : s ~ /=$/ ? 1 : 0
  if (p == 2) s = substr(s, 1, n - 2) "AA"; else if (p == 1) s = substr(s, 1, n - 1) "A"
  o = ""
  for (i = 1; i < n; i += 2) o = o B3[substr(s, i, 2)]
  return substr(o, 1, n / 4 * 6 - 2 * p)
}
# b64 of exactly so many bytes.
function b64n(s, bytes) { return length(s) == int((bytes + 2) / 3) * 4 && b64ok(s) && length(s) / 4 * 3 - (s ~ /==$/ ? 2 : s ~ /=$/ ? 1 : 0) == bytes }
# Text of hex; "\001" for a zero byte, which no text here may hold, like any control character.
function hextext(h,  i, n, o, c) {
  n = length(h); o = ""
  for (i = 1; i < n; i += 2) { c = substr(h, i, 2); o = o (c == "00" ? C[1] : CH[c]) }
  return o
}
function texthex(s,  i, n, o) { n = length(s); o = ""; for (i = 1; i <= n; i++) o = o X2[ORD[substr(s, i, 1)]]; return o }
function octal(h,  i, n, o) { n = length(h); o = ""; for (i = 1; i < n; i += 2) o = o OCT[substr(h, i, 2)]; return o }
function utf8(s) {
  if (s !~ HIGH) return 1
  gsub(U2, "x", s); gsub(U3A, "x", s); gsub(U3B, "x", s); gsub(U3C, "x", s)
  gsub(U4A, "x", s); gsub(U4B, "x", s); gsub(U4C, "x", s)
  return s !~ HIGH
}
function ulen(s) { gsub(T, "", s); return length(s) }
function decimal(s) { return s ~ /^(0|[1-9][0-9]*)$/ && length(s) <= 19 }
# Numbers that awk can count with; larger ones are legal in places but no log is that long.
function small(s) { return decimal(s) && (length(s) < 16 || (length(s) == 16 && (s "") <= (MAXINT ""))) }
function time(s) {
  return length(s) == 20 && s ~ /^[0-9][0-9][0-9][0-9]-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$/
}
# 1 an origin; 0 none; -1 one with letters beyond ASCII, whose printability awk can't judge.
function origin(s) {
  if (s == "" || length(s) > 255 || s ~ /[ +]/ || s ~ CTRL || s ~ C[127]) return 0
  return s !~ HIGH ? 1 : utf8(s) ? -1 : 0
}
function item_id(s,  i, p, d) {
  i = index(s, "-"); p = substr(s, 1, i - 1); d = substr(s, i + 1)
  return i > 0 && prefix(p) && d !~ /[^0-9]/ && length(d) >= 7 && length(d) <= 12
}
function prefix(p) { return p ~ /^[A-Z][A-Z0-9]+$/ && length(p) <= 12 }
function lines(name, X,  n, l) {
  split("", X); n = 0
  while ((getline l < ("in/" name)) > 0) X[++n] = l
  close("in/" name)
  return n
}
# "" when a copied text has only lines of text, ended by a line feed if asked; else what is wrong.
function textproblem(name, lf,  a) {
  if (!(name in META)) return "missing"
  split(META[name], a, " ")
  if (a[1] == "unreadable") return "unreadable"
  if (a[2] > 0) return "has control characters"
  if (a[1] == 0) return "empty"
  if (lf && a[3] != "0a") return "does not end with a line feed"
  if (!lf && a[3] == "0a") return "ends with a line feed"
  return ""
}

# ---- hashes: need() now, hash() them all, then SUM[] ----
function need(kind, s,  k, g) {
  k = kind s
  if (k in WANT) return WANT[k]
  WANT[k] = ++NWANT
  g = "h/" int(NWANT / 500)
  if (!(g in MADE)) { MADE[g] = 1; system("mkdir -p " g) }
  g = g "/" NWANT
  if (kind == "t") { print s > g; close(g) }
  else if (kind == "l") print g " " s "\n" > "leaves"
  else print g " " octal(s) "\n" > "bytes"
  PENDING = 1
  return NWANT
}
function hash(  l, a) {
  if (!PENDING) return
  print "" > "leaves"; print "" > "bytes"
  close("leaves"); close("bytes")
  if (system("sh ./hash") != 0) broken("hashing failed")
  while ((getline l < "sums") > 0) { split(l, a, " "); sub(/^[*]/, "", a[2]); SUM[a[2]] = a[1] }
  close("sums")
  split("", MADE)
  PENDING = 0
}
function broken(why) { f("U", "V-TOOL", "", why); finish() }
function keyid(pub) { return need("x", ED25519 b64hex(pub)) } # pub: base64

# ---- signatures: sign() now, check() them all, then ANSWER[] ----
function sign(algorithm, pub, message, sighex,  k, n, m) { # pub: base64, message: file name
  k = algorithm " " pub " " message " " sighex
  if (k in SIGN) return SIGN[k]
  SIGN[k] = n = ++NSIGN
  if (!(pub in PEM)) {
    PEM[pub] = m = "s/key." ++NPEM
    print "-----BEGIN PUBLIC KEY-----\n" (algorithm == "ed25519" ? "MCowBQYDK2VwAyEA" pub : pempq(pub)) "\n-----END PUBLIC KEY-----\n" > m
    close(m)
  }
  print "s/sig." n " " octal(sighex) "\n" > "bytes"
  print n " " algorithm " " PEM[pub] " " message " s/sig." n "\n" > "jobs"
  PENDING = SIGNING = 1
  return n
}
function message(hexbytes) { print "s/msg." ++NMSG " " octal(hexbytes) "\n" > "bytes"; PENDING = 1; return "s/msg." NMSG }
function textmessage(s,  m) { m = "s/msg." ++NMSG; print s > m; close(m); return m }
function check(  l, a) {
  hash()
  if (!SIGNING) return
  close("jobs")
  system("sh ./check")
  while ((getline l < "answers") > 0) { split(l, a, " "); ANSWER[a[1]] = a[2] }
  close("answers")
  SIGNING = 0
}
# PEM body of an ML-DSA-44 key: base64 of prefix and raw key, from hex, in lines of 64.
function pempq(pub,  h, i, o, n) {
  h = MLDSA44 b64hex(pub); o = ""; n = length(h)
  for (i = 1; i <= n; i += 96) o = o hexb64(substr(h, i, 96)) (i + 96 > n ? "" : "\n")
  return o
}
function hexb64(h,  i, o, v, n, a) {
  a = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  o = ""; n = length(h)
  for (i = 1; i <= n; i += 6) {
    v = DEC[substr(h, i, 2)] * 65536 + (i + 2 <= n ? DEC[substr(h, i + 2, 2)] * 256 : 0) + (i + 4 <= n ? DEC[substr(h, i + 4, 2)] : 0)
    o = o substr(a, int(v / 262144) + 1, 1) substr(a, int(v / 4096) % 64 + 1, 1) (i + 2 <= n ? substr(a, int(v / 64) % 64 + 1, 1) : "=") (i + 4 <= n ? substr(a, v % 64 + 1, 1) : "=")
  }
  return o
}
# "" for an acceptable Ed25519 key in base64: canonical (RFC 8032 5.1.3) and not of small order.
function weak(pub,  h, last, y) {
  if (!b64n(pub, 32)) return "not a key of 32 bytes"
  h = b64hex(pub); last = DEC[substr(h, 63)]
  y = substr(h, 1, 62) X2[last % 128]
  if (substr(y, 63) == "7f" && substr(y, 3, 60) !~ /[^f]/ && DEC[substr(y, 1, 2)] >= 237) return "not canonical"
  if (y == "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f" ||
      y == "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05" ||
      y == "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a" ||
      substr(y, 2) !~ /[^0]/ && substr(y, 1, 1) == "0" || y ~ /^010+$/) return "a point of small order"
  return ""
}

# ---- JSON in the one spelling of RFC 8785, without floats ----
# json(TEXT, DOC, DEPTH) fills V[path] (scalars, as written), K[path] (names of members, "\t" between)
# or N[path] (length of a list), A0/A1[path] (where it stands), for DEPTH levels. Paths are joined
# by "\t". Returns what is wrong, "" if nothing.
function json(s, doc, depth) {
  JS = s; JP = 1; JE = ""; JDEPTH = depth
  if (s ~ CTRL) return "control characters"
  if (!utf8(s)) return "not UTF-8"
  jvalue(doc, 0)
  if (JE == "" && JP != length(s) + 1) JE = "something follows its end"
  return JE
}
function jvalue(path, level,  c, n, k, before, names, w, start) {
  if (level > 150) { JE = "nested too deeply"; f("U", "V-TOO-DEEP", "", "a value is nested more deeply than this verifier can follow"); return }
  c = substr(JS, JP, 1); start = JP
  if (c == "{") {
    JP++; names = ""; n = 0
    if (substr(JS, JP, 1) == "}") JP++
    else for (;;) {
      if (substr(JS, JP, 1) != "\"") { JE = "a name was expected"; return }
      k = jstring(); if (JE != "") return
      if (n && !before_(before, k)) { JE = "names out of order or twice"; return }
      before = k; k = substr(k, 2, length(k) - 2); n++
      if (level < JDEPTH) names = names (n > 1 ? "\t" : "") k
      if (substr(JS, JP, 1) != ":") { JE = "a colon was expected"; return }
      JP++
      jvalue(path "\t" k, level + 1); if (JE != "") return
      c = substr(JS, JP++, 1)
      if (c == "}") break
      if (c != ",") { JE = "a comma was expected"; return }
    }
    if (level < JDEPTH) K[path] = names
  } else if (c == "[") {
    JP++; n = 0
    if (substr(JS, JP, 1) == "]") JP++
    else for (;;) {
      jvalue(path "\t" n, level + 1); if (JE != "") return
      n++
      c = substr(JS, JP++, 1)
      if (c == "]") break
      if (c != ",") { JE = "a comma was expected"; return }
    }
    if (level < JDEPTH) N[path] = n
  } else if (c == "\"") {
    w = jstring(); if (JE != "") return
    if (level <= JDEPTH) V[path] = w
  } else {
    w = substr(JS, JP, 24)
    if (!match(w, /^(-?[1-9][0-9]*|0|true|false|null)/)) { JE = "no value"; return }
    w = substr(w, 1, RLENGTH); JP += RLENGTH
    if (w ~ /[0-9]/) { k = w; sub(/^-/, "", k); if (!small(k)) { JE = "a number beyond 2^53 - 1"; return } }
    if (level <= JDEPTH) V[path] = w
  }
  if (level <= JDEPTH) { A0[path] = start; A1[path] = JP }
}
function jstring(  start, w, c, e) {
  start = JP++
  for (;;) {
    w = substr(JS, JP, 1024)
    if (w == "") { JE = "a string without end"; return "" }
    if (!match(w, /["\\]/)) { JP += length(w); continue }
    c = substr(w, RSTART, 1); JP += RSTART
    if (c == "\"") break
    e = substr(JS, JP, 1)
    if (e != "" && index("\"\\bfnrt", e)) JP++
    else if (substr(JS, JP, 5) ~ /^u00(0[0-7bef]|1[0-9a-f])$/) JP += 5
    else { JE = "an escape that is not the shortest"; return "" }
  }
  return substr(JS, start, JP - start)
}
# Order of member names by UTF-16 code units (RFC 8785 3.2.3).
function before_(a, b) {
  if ((a b) !~ /\\/ && (a b) !~ HIGH) return (a "") < (b "") && a != b
  return utf16(a) < utf16(b)
}
function utf16(s,  i, n, c, e, o) { # hex whose order is that of UTF-16
  o = "x"; n = length(s) - 1
  for (i = 2; i <= n; i++) {
    c = substr(s, i, 1)
    if (c == "\\") {
      e = substr(s, ++i, 1)
      if (e == "u") { o = o substr(s, i + 3, 2); i += 4 }
      else o = o (e == "b" ? "08" : e == "t" ? "09" : e == "n" ? "0a" : e == "f" ? "0c" : e == "r" ? "0d" : X2[ORD[e]])
    } else o = o (c == C[238] ? "f8" : c == C[239] ? "f9" : X2[ORD[c]])
  }
  return o
}
function raw(path) { return substr(JS, A0[path], A1[path] - A0[path]) } # of the text parsed last
function isstr(p) { return (p in V) && V[p] ~ /^"/ }
function isint(p) { return (p in V) && V[p] ~ /^-?[0-9]/ }
function iscount(p) { return (p in V) && V[p] ~ /^[0-9]/ }
function ishex(p, n) { return isstr(p) && length(V[p]) == n + 2 && substr(V[p], 2, n) !~ /[^0-9a-f]/ }
# The text of a string; control characters become "\001", which is refused wherever it matters.
function text(p,  s, o, i) {
  s = substr(V[p], 2, length(V[p]) - 2)
  if (s !~ /\\/) return s
  o = ""
  while ((i = index(s, "\\")) > 0) {
    o = o substr(s, 1, i - 1)
    if (substr(s, i + 1, 1) ~ /["\\]/) { o = o substr(s, i + 1, 1); s = substr(s, i + 2) }
    else { o = o C[1]; s = substr(s, i + (substr(s, i + 1, 1) == "u" ? 6 : 2)) }
  }
  return o s
}
function members(p, list) { gsub(/ /, "\t", list); return (p in K) && K[p] == list }
EOF
cat > entry.awk <<'EOF'
# ---- entries (docs/format-entry.md) ----
function fields() {
  FIELD["accessed"] = "actor members purpose"
  FIELD["accession-closed"] = "actor outcome refused taken_in"
  FIELD["accession-opened"] = "actor received_at received_from received_via terms"
  FIELD["anchored"] = "actor"
  FIELD["derivation-refused"] = "actor kind parent purpose statement"
  FIELD["derived"] = "actor content_sha256 content_sha512 content_size format kind parent purpose statement"
  FIELD["described"] = "actor case caveats classification collector_code custody_before description language occurred_at place received_at received_from received_via source_code title violation"
  FIELD["exported"] = "actor bundle_id counts fields_shown kind members payload_manifest profile proofs purpose recipient"
  FIELD["fixity-checked"] = "actor counts findings members method"
  FIELD["foreign-custody-recorded"] = "actor bundle_id foreign receipt_sha256 verified"
  FIELD["granted"] = "actor members purpose reader rewrapped"
  FIELD["ingested"] = "accession actor case caveats classification collector_code content_sha256 content_sha512 content_size custody_before description format language metadata occurred_at place received_at received_from received_via source_code source_path source_times title violation"
  FIELD["key-enrolled"] = "actor purpose"
  FIELD["key-revoked"] = "actor purpose"
  FIELD["received-again"] = "accession actor case caveats classification collector_code custody_before description language occurred_at place received_at received_from received_via source_code source_path source_times title violation"
  FIELD["removed"] = "actor members purpose transfer_id"
  FIELD["stored"] = "actor objects"
  FIELD["hold-placed"] = "actor case hold_id members objects purpose"
  FIELD["hold-released"] = "actor hold_id members objects purpose"
  FIELD["retention-set"] = "actor case members mode objects purpose until"
  FIELD["replica-enrolled"] = "actor purpose replica"
  FIELD["replica-synced"] = "actor counts head replica"
  FIELD["replica-retired"] = "actor purpose replica"
  FIELD["repaired"] = "actor members objects purpose replica"
  FIELD["linked"] = "actor other purpose relation"
  FIELD["unlinked"] = "actor other purpose relation"
  FIELD["migrated"] = "actor counts moved_from moved_to purpose"
  FIELD["transfer-accepted"] = "accession actor content_sha256 content_sha512 content_size foreign format metadata transfer_id"
  FIELD["transfer-acknowledged"] = "acknowledgement actor members receiver transfer_id"
  FIELD["transfer-offered"] = "actor members purpose receiver transfer_id"
  FIELD["trust-recorded"] = "actor purpose"
  FIELD["vault-created"] = "actor"
  FIELD["withdrawn"] = "actor purpose reader"
  BESIDE["anchored"] = BESIDE["key-enrolled"] = BESIDE["key-revoked"] = 1
}
function arrival(t) { return t == "ingested" || t == "transfer-accepted" }
# Reads an entry once; the number it is known by. E?[l] hold what it says, EERR[l] what is wrong.
function entry(s,  l) {
  if (s in LEAF) return LEAF[s]
  LEAF[s] = l = ++NLEAF
  ESUM[l] = need("l", s)
  EERR[l] = readentry(l, s)
  return l
}
function readentry(l, s,  head, mid, i, rest, p, d, n, names, j, q, k) {
  if (length(s) > 65535) return "over 65,535 bytes"
  head = "{\"payload\":\""
  mid = "\",\"payloadType\":\"application/vnd.evidence-vault.event+json\",\"signatures\":[{\"keyid\":\""
  i = index(s, mid)
  if (substr(s, 1, 12) != head || i == 0) return "not a DSSE envelope in its one spelling"
  p = substr(s, 13, i - 13)
  rest = substr(s, i + length(mid))
  EKEY[l] = substr(rest, 1, 64)
  if (length(rest) != 165 || !hex(EKEY[l], 64) || substr(rest, 65, 9) != "\",\"sig\":\"" || substr(rest, 162) != "\"}]}") return "not exactly one signature"
  if (!b64ok(p)) return "its payload is not base64"
  if (!b64n(substr(rest, 74, 88), 64)) return "its signature is not base64 of 64 bytes"
  ESIG[l] = b64hex(substr(rest, 74, 88))
  s = hextext(b64hex(p))
  d = "e" l
  i = json(s, d, 4)
  if (i != "") return "its event is not canonical JSON: " i
  if (!members(d, "clear item_seq origin prev recorded_at sd seen signer subject tool type units v")) return "its event has other members"
  if (V[d "\tv"] != "1") return "an event of an unknown version"
  q = d "\ttype"
  if (!isstr(q) || text(q) !~ /^[a-z][a-z0-9-]*$/ || length(text(q)) > 40) return "its type is malformed"
  ETYPE[l] = text(q)
  if (!isstr(d "\torigin") || (i = ulen(text(d "\torigin"))) < 1 || i > 255) return "its origin is malformed"
  EORIGIN[l] = text(d "\torigin")
  if (!isstr(d "\ttool") || (i = ulen(text(d "\ttool"))) < 1 || i > 255) return "its tool is malformed"
  if (!isstr(d "\trecorded_at") || text(d "\trecorded_at") !~ /^[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z$/) return "recorded_at is malformed"
  if (!ishex(d "\tsigner", 64)) return "its signer is no keyid"
  if (text(d "\tsigner") != EKEY[l]) return "the event names another signer than the envelope"
  if (!((d "\tclear") in K)) return "clear is no object"
  ETIME[l] = text(d "\trecorded_at")
  # its subject, and its place in an item's history
  q = d "\tsubject"
  if (!(q in K) || !isstr(q "\tkind")) return "its subject is malformed"
  ESUBJECT[l] = raw(q); EKIND[l] = text(q "\tkind")
  ESEQ[l] = V[d "\titem_seq"]; EPREV[l] = V[d "\tprev"]
  if (EKIND[l] == "item") {
    if (K[q] != "home\tid\tkind" || !isstr(q "\thome") || !isstr(q "\tid") || !item_id(text(q "\tid"))) return "an item subject is malformed"
    EHOME[l] = text(q "\thome"); EID[l] = text(q "\tid")
    if (!iscount(d "\titem_seq")) return "item_seq is no number from 0"
    if ((EPREV[l] == "null") != (ESEQ[l] == "0")) return "prev must be null exactly when item_seq is 0"
    if (EPREV[l] != "null" && !ishex(d "\tprev", 64)) return "prev is no leaf hash"
    if (EPREV[l] != "null") EPREV[l] = text(d "\tprev")
  } else {
    if (ESEQ[l] != "null" || EPREV[l] != "null") return "item_seq and prev belong to items only"
    if (EKIND[l] == "accession") {
      i = text(q "\tid"); j = index(i, "-A")
      if (K[q] != "id\tkind" || !isstr(q "\tid") || j == 0 || !prefix(substr(i, 1, j - 1)) || substr(i, j + 2) ~ /[^0-9]/ || length(i) < j + 6 || length(i) > j + 13) return "an accession subject is malformed"
    } else if (EKIND[l] == "set") {
      if (K[q] != "kind\troot" || !ishex(q "\troot", 64)) return "a set subject is malformed"
      EROOT[l] = text(q "\troot")
    } else if (EKIND[l] != "vault" || K[q] != "kind") return "a subject of an unknown kind"
  }
  # commitments
  q = d "\tsd"
  if (!(q in K)) return "sd is no object"
  n = K[q] == "" ? 0 : split(K[q], names, "\t")
  ECOMMITTED[l] = 0
  for (i = 1; i <= n; i++) {
    k = q "\t" names[i]
    if (V[k] == "null") continue
    if (!ishex(k, 64)) return "sd holds something else than digests"
    SD[l, names[i]] = text(k); ECOMMITTED[l]++
  }
  if ((ETYPE[l] in FIELD) && !members(q, FIELD[ETYPE[l]])) return "it does not have the fields of its type"
  # heads seen
  q = d "\tseen"
  if (!(q in N)) return "seen is no list"
  ESEEN[l] = N[q]
  for (i = 0; i < N[q]; i++) {
    k = q "\t" i
    if (!((k) in K) || K[k] != "origin\troot\tsize" || !isstr(k "\torigin") || !ishex(k "\troot", 64) || !iscount(k "\tsize")) return "seen is malformed"
    ESEENO[l, i] = text(k "\torigin"); ESEENR[l, i] = text(k "\troot"); ESEENS[l, i] = V[k "\tsize"]
  }
  # units
  q = d "\tunits"
  if (!(q in N)) return "units is no list"
  for (i = 0; i < N[q]; i++) {
    k = q "\t" i
    if (!(k in K) || K[k] != "header\tid\tkind\tobjects" || !ishex(k "\tid", 32) || !isstr(k "\tkind") || !((k "\tobjects") in N) || N[k "\tobjects"] < 1) return "a unit is malformed"
    if (V[k "\theader"] != "null" && !ishex(k "\theader", 64)) return "the header of a unit is malformed"
    for (j = 0; j < N[k "\tobjects"]; j++) if (!ishex(k "\tobjects\t" j, 64)) return "the objects of a unit are malformed"
  }
  EMSG[l] = textmessage("DSSEv1 41 application/vnd.evidence-vault.event+json " length(s) " " s)
  if (ETYPE[l] == "vault-created") EZERO[l] = readzero(l, d "\tclear")
  if (ETYPE[l] == "key-enrolled") EKEYERR[l] = readenrolled(l, d "\tclear")
  if (ETYPE[l] == "key-revoked") EKEYERR[l] = readrevoked(l, d "\tclear")
  if (ETYPE[l] == "anchored") EANCHOR[l] = readanchors(l, d "\tclear")
  return ""
}
# Entry 0: Z?[l, i] are its keys. Returns what is wrong.
function readzero(l, c,  n, i, k, r, p, seen, roles, e) {
  if (ESUBJECT[l] != "{\"kind\":\"vault\"}") return "its subject must be the vault"
  if (!origin(EORIGIN[l])) return "its origin is malformed"
  if (origin(EORIGIN[l]) < 0) f("U", "V-NAME", "", "a log name with letters beyond ASCII can't be judged here")
  if (!members(c, "keys prefix succeeds") || !isstr(c "\tprefix") || !prefix(text(c "\tprefix"))) return "its clear part is malformed"
  ZPREFIX[l] = text(c "\tprefix")
  e = c "\tsucceeds"
  if (V[e] != "null" && (!(e in K) || K[e] != "origin\troot\tsize" || !isstr(e "\torigin") || !origin(text(e "\torigin")) || !ishex(e "\troot", 64) || !iscount(e "\tsize"))) return "succeeds is malformed"
  if (!((c "\tkeys") in N)) return "keys is no list"
  n = N[c "\tkeys"]
  for (i = 0; i < n; i++) {
    k = c "\tkeys\t" i
    if (!(k in K) || K[k] != "alg\tpublic\trole" || !isstr(k "\trole") || !isstr(k "\tpublic")) return "a key is malformed"
    r = text(k "\trole"); p = text(k "\tpublic")
    if (r !~ /^(root|events|statements|log|log-pq)$/) return "a key of an unknown role"
    if (V[k "\talg"] != (r == "log-pq" ? "\"ml-dsa-44\"" : "\"ed25519\"")) return "a key with another algorithm than its role has"
    if (r == "log-pq" && !b64n(p, 1312)) return "an ML-DSA-44 key has 1312 bytes"
    if (r != "log-pq" && (e = weak(p)) != "") return "a public key nobody should accept: " e
    if (p in seen) return "one key stands in two roles"
    seen[p] = 1; roles[r]++
    ZROLE[l, i] = r; ZPUB[l, i] = p
    if (r != "log-pq") ZID[l, i] = keyid(p)
    if (r == "log") ZLOG[l] = p
    if (r == "log-pq") ZLOGPQ[l] = p
  }
  ZN[l] = n
  if (roles["root"] != 1 || roles["log"] != 1 || roles["log-pq"] != 1 || roles["events"] < 1 || roles["statements"] < 1) return "keys of each role must be named"
  e = texthex(EORIGIN[l]) "0a"
  ZLOGID[l] = need("x", e "01" b64hex(ZLOG[l])); ZLOGPQID[l] = need("x", e "06" b64hex(ZLOGPQ[l]))
  return ""
}
function readenrolled(l, c,  e) {
  if (!members(c, "alg public role") || V[c "\talg"] != "\"ed25519\"" || V[c "\trole"] !~ /^"(events|statements)"$/ || !isstr(c "\tpublic")) return "key-enrolled is malformed"
  CPUB[l] = text(c "\tpublic"); CROLE[l] = text(c "\trole")
  if ((e = weak(CPUB[l])) != "") return "a public key nobody should accept: " e
  CID[l] = keyid(CPUB[l])
  return ""
}
function readrevoked(l, c) {
  if (!members(c, "keyid last_good reason role") || V[c "\trole"] !~ /^"(events|statements)"$/ || !ishex(c "\tkeyid", 64) || !iscount(c "\tlast_good") || V[c "\treason"] !~ /^"(retired|lost|compromised)"$/) return "key-revoked is malformed"
  CROLE[l] = text(c "\trole"); CID[l] = text(c "\tkeyid"); CGOOD[l] = V[c "\tlast_good"] + 0
  return ""
}
function readanchors(l, c,  q, i, k, n) {
  q = c "\tanchors"
  if (!members(c, "anchors") || !(q in N) || N[q] < 1 || N[q] > 64) return "anchored is malformed"
  for (i = 0; i < N[q]; i++) {
    k = q "\t" i
    if (!(k in K)) return "an anchor is an object"
    if (V[k "\tkind"] == "\"beacon\"") {
      if (K[k] != "kind\tname\tround\tvalue" || !isstr(k "\tname") || !isstr(k "\tround") || !isstr(k "\tvalue")) return "an anchor of unknown form"
      n = text(k "\tname")
      if (n !~ /^[A-Za-z0-9][A-Za-z0-9 ._:\/-]*$/ || length(n) > 80 || text(k "\tround") !~ /^[0-9]+$/ || length(text(k "\tround")) > 20) return "an anchor of unknown form"
      n = text(k "\tvalue")
      if (n !~ /^[0-9a-f]+$/ || length(n) % 2 || length(n) < 32 || length(n) > 256) return "an anchor of unknown form"
      continue
    }
    n = V[k "\tkind"] == "\"peer\""
    if (!n && V[k "\tkind"] != "\"token\"" || K[k] != (n ? "kind\torigin\troot\tsha256\tsize" : "kind\torigin\tsha256\tsize")) return "an anchor of unknown form"
    if (!isstr(k "\torigin") || !origin(text(k "\torigin")) || !ishex(k "\tsha256", 64) || !iscount(k "\tsize") || n && !ishex(k "\troot", 64)) return "an anchor of unknown form"
  }
  return ""
}
# Keys in force: I?[s, i] for a key state s. From entry 0 (position 0 is for the root key alone).
function startkeys(s, l,  i, n) {
  n = 0
  for (i = 0; i < ZN[l]; i++) {
    INAMED[s, ZPUB[l, i]] = 1
    if (ZROLE[l, i] !~ /^(root|events|statements)$/) continue
    n++
    IROLE[s, n] = ZROLE[l, i]; IID[s, n] = SUM[ZID[l, i]]; IPUB[s, n] = ZPUB[l, i]
    IFROM[s, n] = ZROLE[l, i] == "root" ? 0 : 1; IUNTIL[s, n] = -1
  }
  IN[s] = n
}
# A key event at a position, already known to be signed by the root key. Returns what is wrong.
function changekeys(s, l, index_,  i, u) {
  if (EKEYERR[l] != "") return EKEYERR[l]
  if (ETYPE[l] == "key-enrolled") {
    if ((s SUBSEP CPUB[l]) in INAMED) return "this key has been named before"
    INAMED[s, CPUB[l]] = 1
    i = ++IN[s]
    IROLE[s, i] = CROLE[l]; IID[s, i] = SUM[CID[l]]; IPUB[s, i] = CPUB[l]; IFROM[s, i] = index_ + 1; IUNTIL[s, i] = -1
    return ""
  }
  if (CGOOD[l] >= index_) return "the last good entry must come before it"
  for (i = 1; i <= IN[s]; i++) if (IROLE[s, i] == CROLE[l] && IID[s, i] == CID[l]) {
    u = CGOOD[l] + 1
    if (u < IFROM[s, i]) u = IFROM[s, i]
    if (IUNTIL[s, i] >= 0 && IUNTIL[s, i] < u) u = IUNTIL[s, i]
    IUNTIL[s, i] = u
    return ""
  }
  return "there is no such key to revoke"
}
# 1 in force, 0 known but not in force there, -1 unknown.
function inforce(s, role, id, index_,  i, known) {
  known = -1
  for (i = 1; i <= IN[s]; i++) if (IROLE[s, i] == role && IID[s, i] == id) {
    known = 0
    if (IFROM[s, i] <= index_ && (IUNTIL[s, i] < 0 || index_ < IUNTIL[s, i])) return 1
  }
  return known
}
function pubof(s, id,  i) { for (i = 1; i <= IN[s]; i++) if (IID[s, i] == id) return IPUB[s, i]; return "" }
function rolefor(l, index_) { return index_ == 0 || ETYPE[l] == "key-enrolled" || ETYPE[l] == "key-revoked" ? "root" : "events" }
function beside(l) { return (ETYPE[l] in BESIDE) && ESUBJECT[l] == "{\"kind\":\"vault\"}" }

# ---- signed notes and checkpoints (docs/format-log.md) ----
# note(m, X, FROM, TO): the lines of X. M?[m]: origin, size, root (hex), text; signature lines
# MNAME[m, i], MID[m, i] (hex), MSIG[m, i] (hex). Returns what is wrong.
function note(m, X, from, to,  i, b, n, a, l, h, size) {
  b = 0; size = 0
  for (i = from; i <= to; i++) { size += length(X[i]) + 1; if (X[i] == "") b = i; if (!utf8(X[i]) || X[i] ~ CTRL) return "not text" }
  if (size > 1000000) return "over 1,000,000 bytes"
  if (b == 0 || b == to || b == from) return "a note has a blank line before its signatures"
  if (to - b > 100) return "over 100 signatures"
  MTEXT[m] = ""
  for (i = from; i < b; i++) MTEXT[m] = MTEXT[m] X[i] "\n"
  n = 0
  for (i = b + 1; i <= to; i++) {
    l = X[i]
    if (substr(l, 1, 4) != C[226] C[128] C[148] " ") return "a signature line is malformed"
    if (split(substr(l, 5), a, " ") != 2 || substr(l, 5) != a[1] " " a[2] || a[1] == "" || a[1] ~ /[+]/ || !b64ok(a[2])) return "a signature line is malformed"
    if (a[1] ~ HIGH) f("U", "V-NAME", "", "a key name with letters beyond ASCII can't be judged here")
    h = b64hex(a[2])
    if (length(h) <= 8) return "a signature is empty"
    n++
    MNAME[m, n] = a[1]; MID[m, n] = substr(h, 1, 8); MSIG[m, n] = substr(h, 9); MLINE[m, n] = l
  }
  MN[m] = n
  if (b - from != 3) return "a checkpoint has exactly three lines"
  MORIGIN[m] = X[from]; MSIZE[m] = X[from + 1]
  if (MORIGIN[m] == "" || length(MORIGIN[m]) > 255) return "the origin of a checkpoint is malformed"
  if (!decimal(MSIZE[m]) || length(MSIZE[m]) == 19 && (MSIZE[m] "") > "9223372036854775807") return "its size is malformed"
  if (!small(MSIZE[m])) f("U", "V-TOO-LARGE", "", "a log of that size can't be counted by this verifier")
  if (!b64n(X[from + 2], 32)) return "its root hash is malformed"
  MROOT[m] = b64hex(X[from + 2])
  if (MSIZE[m] == "0" && MROOT[m] != "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855") return "an empty log has another root"
  return ""
}
# The log's own two signatures on note m under the keys of entry 0 (leaf z): LS[m] and LPQ[m] are
# numbers of sign(). LERR[m] says what is wrong at once.
function logsign(m, z,  i, e, c, q) {
  LS[m] = LPQ[m] = 0; LERR[m] = ""
  if (MORIGIN[m] != EORIGIN[z]) { LERR[m] = "it is the checkpoint of another log"; return }
  for (i = 1; i <= MN[m]; i++) {
    if (MNAME[m, i] != EORIGIN[z]) continue
    if (MID[m, i] == substr(SUM[ZLOGID[z]], 1, 8)) {
      if (c++) { LERR[m] = "the log signed twice"; return }
      if (length(MSIG[m, i]) != 128) { LERR[m] = "its Ed25519 signature is malformed"; return }
      LS[m] = sign("ed25519", ZLOG[z], textmessage(MTEXT[m]), MSIG[m, i])
    } else if (MID[m, i] == substr(SUM[ZLOGPQID[z]], 1, 8)) {
      if (q++) { LERR[m] = "the log signed twice"; return }
      if (length(MSIG[m, i]) != 4856 || substr(MSIG[m, i], 1, 1) !~ /[0-7]/) { LERR[m] = "its ML-DSA-44 signature is malformed"; return }
      LPQ[m] = -1
      if (OPENPQ) LPQ[m] = sign("mldsa44", ZLOGPQ[z], message(pqmessage(EORIGIN[z], m, substr(MSIG[m, i], 1, 16))), substr(MSIG[m, i], 17))
    }
  }
  if (!c && !q) LERR[m] = "no key of this log signed it"
}
function pqmessage(name, m, time_) { return "737562747265652f76310a00" X2[length(name)] texthex(name) time_ X2[length(MORIGIN[m])] texthex(MORIGIN[m]) "0000000000000000" u64(MSIZE[m]) MROOT[m] }
function u64(n,  i, o) { n += 0; o = ""; for (i = 0; i < 8; i++) { o = X2[n % 256] o; n = int(n / 256) } return o }
# After check(): what logsign() asked for. Reports under codes that begin with p; 1 if all is right.
function logjudge(m, p, subject) {
  if (LERR[m] != "") { f("D", p "CHECKPOINT", subject, LERR[m]); return 0 }
  if (LS[m] && ANSWER[LS[m]] == "no") { f("D", p "CHECKPOINT", subject, "the log's Ed25519 signature does not match"); return 0 }
  if (LPQ[m] > 0 && ANSWER[LPQ[m]] == "no") { f("D", p "CHECKPOINT", subject, "the log's ML-DSA-44 signature does not match"); return 0 }
  if (!LS[m]) { f("D", p "CHECKPOINT-DOWNGRADE", subject, "its Ed25519 signature was removed"); return 0 }
  if (!LPQ[m]) { f("D", p "CHECKPOINT-DOWNGRADE", subject, "its ML-DSA-44 signature was removed"); return 0 }
  if (ANSWER[LS[m]] != "yes" || LPQ[m] > 0 && ANSWER[LPQ[m]] != "yes") { f("U", p "CHECKPOINT-UNCHECKED", subject, "openssl could not check a log signature"); return 0 }
  if (LPQ[m] < 0) {
    if (CLASSICAL) f("I", "V-PQ-NOT-DEMANDED", "", "NOT CHECKED HERE: the ML-DSA-44 signatures of the log, which need OpenSSL 3.5 (-c was given)")
    else { f("U", p "CHECKPOINT-UNCHECKED", subject, "its ML-DSA-44 signature needs OpenSSL 3.5 or later (-c: go on without)") }
  }
  return 1
}

# ---- proofs (RFC 9162 2.1.3.2, 2.1.4.2) ----
# include() and consist() queue a proof; prove() runs all; PR[p] is then the root that an inclusion
# leads to, "" if it can't be; PA[p] and PB[p] the two roots of a consistency proof.
function include(leafsum, index_, size, n,  p) {
  p = ++NP; PK[p] = "i"; PN[p] = n; PSUM[p] = leafsum; PR[p] = ""
  PF[p] = index_ + 0; PS[p] = size - 1
  PDO[p] = small(index_ "") && small(size "") && index_ + 0 < size + 0 && n <= 63
  return p
}
function consist(old, size, root, n,  p, k) { # PP[p, 1..n] are set by the caller; for 0 < old < size
  p = ++NP; PK[p] = "c"; PN[p] = n; PA[p] = PB[p] = ""
  PF[p] = old - 1; PS[p] = size - 1
  PDO[p] = small(old "") && small(size "") && old + 0 > 0 && old + 0 < size + 0 && n <= 63
  PROOT[p] = root
  k = old + 0
  while (k % 2 == 0) k /= 2
  PPOW[p] = k == 1
  return p
}
function prove(  p, i, more, q) {
  hash()
  for (p = PFIRST + 1; p <= NP; p++) {
    if (!PDO[p]) continue
    PI[p] = 1
    if (PK[p] == "i") PH[p] = SUM[PSUM[p]]
    else {
      if (PPOW[p]) PH[p] = PG[p] = PROOT[p]
      else if (PN[p] < 1) { PDO[p] = 0; continue }
      else { PH[p] = PG[p] = PP[p, 1]; PI[p] = 2 }
      if (PI[p] > PN[p]) { PDO[p] = 0; continue }
      while (PF[p] % 2 == 1) { PF[p] = int(PF[p] / 2); PS[p] = int(PS[p] / 2) }
    }
  }
  do {
    more = 0
    for (p = PFIRST + 1; p <= NP; p++) {
      PQ[p] = PW[p] = 0
      if (!PDO[p]) continue
      if (PI[p] > PN[p]) {
        PDO[p] = 0
        if (PS[p] == 0) { if (PK[p] == "i") PR[p] = PH[p]; else { PA[p] = PH[p]; PB[p] = PG[p] } }
        continue
      }
      if (PS[p] == 0) { PDO[p] = 0; continue }
      more = 1; q = PP[p, PI[p]++]
      if (PF[p] % 2 == 1 || PF[p] == PS[p]) {
        PQ[p] = need("x", "01" q PH[p])
        if (PK[p] == "c") PW[p] = need("x", "01" q PG[p])
        while (PF[p] % 2 == 0 && PF[p] > 0) { PF[p] = int(PF[p] / 2); PS[p] = int(PS[p] / 2) }
      } else if (PK[p] == "i") PQ[p] = need("x", "01" PH[p] q)
      else PW[p] = need("x", "01" PG[p] q)
      PF[p] = int(PF[p] / 2); PS[p] = int(PS[p] / 2)
    }
    hash()
    for (p = PFIRST + 1; p <= NP; p++) { if (PQ[p]) PH[p] = SUM[PQ[p]]; if (PW[p]) PG[p] = SUM[PW[p]] }
  } while (more)
  PFIRST = NP
}
EOF
cat > receipt.awk <<'EOF'
# ---- receipts (docs/format-receipt.md) ----
# receipt(r, NAME): R?[r] and R?[r, e] hold what a receipt says; RERR[r] what is wrong with its form.
function receipt(r, name,  X, n) {
  RERR[r] = textproblem(name, 1)
  if (RERR[r] != "") return
  if (substr(META[name], 1, 12) + 0 > 67108864) { f("U", "V-TOO-LARGE", name, "a receipt over 64 MiB can't be read by this verifier"); RERR[r] = "too large"; return }
  n = lines(name, X)
  RERR[r] = readreceipt(r, X, n)
}
function readreceipt(r, X, n,  i, e, s, t, w, a, j, k, o) {
  if (X[1] != "evidence-vault/receipt/v1") return "line 1: a receipt begins otherwise"
  o = origin(substr(X[2], 8))
  if (substr(X[2], 1, 7) != "origin " || !o) return "line 2: not a log origin"
  if (o < 0) f("U", "V-NAME", "", "a log name with letters beyond ASCII can't be judged here")
  RORIGIN[r] = substr(X[2], 8); RHOME[r] = RITEM[r] = ""
  if (X[3] != "vault") {
    j = split(X[3], a, " ")
    if (j != 3 || X[3] != "item " a[2] " " a[3] || !origin(a[2]) || !item_id(a[3])) return "line 3: the subject must be an item or the vault"
    RHOME[r] = a[2]; RITEM[r] = a[3]
  }
  if (substr(X[4], 1, 5) != "made " || !time(substr(X[4], 6))) return "line 4: 'made' must be a time"
  RMADE[r] = substr(X[4], 6)
  if (X[5] != "") return "line 5: expected an empty line"
  i = 6; e = s = t = 0
  while (i <= n && X[i] != "checkpoint") {
    if (X[i] ~ /^event /) {
      if (s || t || ++e > 100000) return "line " i ": events come first"
      w = substr(X[i], 7)
      if (!decimal(w) || length(w) == 19 && w > "9223372036854775807") return "line " i ": not an index"
      if (!small(w)) f("U", "V-TOO-LARGE", "", "a log of that size can't be counted by this verifier")
      RINDEX[r, e] = w
      i++
      if (substr(X[i], 1, 5) != "leaf " || length(X[i]) > 65540 || length(X[i]) == 5) return "line " i ": expected the entry"
      RLEAF[r, e] = entry(substr(X[i], 6))
      i++
      w = hashes(X[i], "path", r SUBSEP e, RPATH)
      if (w < 0) return "line " i ": expected 'path' and at most 63 hashes"
      RPN[r, e] = w
      i++; ROPEN[r, e] = 0; RSN[r, e] = 0; RSEENN[r, e] = -1
      if (X[i] == "seen" || X[i] ~ /^seen /) {
        w = hashes(X[i], "seen", r SUBSEP e, RSEENP)
        if (w < 0) return "line " i ": expected 'seen' and at most 63 hashes"
        RSEENN[r, e] = w; i++
      }
      if (X[i] ~ /^member /) { k = opening(r, e, substr(X[i], 8)); if (k != "") return "line " i ": " k; i++ }
      while (X[i] ~ /^reveal /) {
        k = reveal(r, e, ++RSN[r, e], substr(X[i], 8)); if (k != "") return "line " i ": " k
        if (RSN[r, e] > 1 && (RSNAME[r, e, RSN[r, e]] "") < (RSNAME[r, e, RSN[r, e] - 1] "")) return "line " i ": revealed fields must stand in order of their names"
        i++
      }
      if (i > n || X[i] != "") return "line " i ": expected 'reveal' or an empty line"
      i++
    } else if (X[i] ~ /^state /) {
      if (t || ++s > 1000) return "line " i ": states come before checkpoints of other logs"
      w = substr(X[i], 7)
      if (!small(w) || w == "0") return "line " i ": not a size"
      if (s > 1 && w + 0 <= RSTATE[r, s - 1] + 0) return "line " i ": states must stand in ascending order of size"
      RSTATE[r, s] = w
      i++
      if (substr(X[i], 1, 5) != "note " || !b64ok(substr(X[i], 6))) return "line " i ": expected a checkpoint in base64"
      RSNOTE[r, s] = substr(X[i], 6)
      i++
      w = hashes(X[i], "consistency", r SUBSEP s, RCONS)
      if (w < 0) return "line " i ": expected 'consistency' and at most 63 hashes"
      RCN[r, s] = w
      i++; RTN[r, s, 0] = 0; RREN[r, s] = 0
      while (X[i] != "" && i <= n) {
        if (X[i] ~ /^token /) {
          if (split(X[i], a, " ") != 3 || X[i] != "token " a[2] " " a[3] || a[2] !~ /^[a-z0-9-]+$/ || length(a[2]) > 40 || !b64ok(a[3])) return "line " i ": a time stamp is malformed"
          k = RREN[r, s]; j = ++RTN[r, s, k]
          if (j > 64) return "line " i ": over 64 time stamps"
          RTNAME[r, s, k, j] = a[2]; RTOKEN[r, s, k, j] = a[3]
        } else if (X[i] ~ /^renewal /) {
          if (!b64ok(substr(X[i], 9)) || ++RREN[r, s] > 64) return "line " i ": a renewal is malformed"
          RRENEW[r, s, RREN[r, s]] = substr(X[i], 9); RTN[r, s, RREN[r, s]] = 0
        } else return "line " i ": expected 'token', 'renewal' or an empty line"
        i++
      }
      if (i > n) return "the receipt ends too early"
      i++
    } else if (X[i] ~ /^peer /) {
      if (++t > 1000 || !b64ok(substr(X[i], 6)) || X[i + 1] != "" || i + 1 > n) return "line " i ": a checkpoint of another log is malformed"
      RPEER[r, t] = substr(X[i], 6)
      i += 2
    } else return "line " i ": unknown"
  }
  if (i >= n) return "the receipt ends too early"
  if (e < 1) return "a receipt holds at least one event"
  RNE[r] = e; RNS[r] = s; RNT[r] = t
  RNOTE[r] = newnote(X, i + 1, n)
  return ""
}
# Notes are shared by receipts: the number of an equal one read before, else of a new one.
function newnote(X, from, to,  i, k) {
  k = ""
  for (i = from; i <= to; i++) k = k X[i] "\n"
  if (k in NOTE) return NOTE[k]
  NOTE[k] = ++NM
  MERR[NM] = note(NM, X, from, to)
  return NM
}
function hashes(l, word, key, P,  n, a, i) { # -1, or how many
  n = split(l, a, " ")
  if (a[1] != word || n > 64 || l ~ /  / || l ~ / $/ || l ~ /^ /) return -1
  for (i = 2; i <= n; i++) { if (!b64n(a[i], 32)) return -1; P[key, i - 1] = b64hex(a[i]) }
  return n - 1
}
function opening(r, e, s,  k, d, i, q) {
  d = "o"
  drop(d)
  k = json(s, d, 3)
  if (k != "") return "a set opening is not canonical JSON: " k
  q = d "\tleaf"
  if (!members(d, "index leaf path size") || N[q] != 5 || !(q in N) || !isint(d "\tindex") || !isint(d "\tsize") || !((d "\tpath") in N) || N[d "\tpath"] > 63) return "a set opening is malformed"
  if (!isstr(q "\t0") || ulen(text(q "\t0")) != 43 || !isstr(q "\t1") || !isstr(q "\t2") || !iscount(q "\t3")) return "a set opening is malformed"
  if ((V[q "\t4"] != "null" && !ishex(q "\t4", 64)) || (V[q "\t4"] == "null") != (V[q "\t3"] == "0")) return "a set opening is malformed"
  ROPEN[r, e] = 1
  ROHOME[r, e] = text(q "\t1"); ROID[r, e] = text(q "\t2"); ROSEQ[r, e] = V[q "\t3"]
  ROPREV[r, e] = V[q "\t4"] == "null" ? "null" : text(q "\t4")
  ROLEAF[r, e] = need("l", raw(q)); ROINDEX[r, e] = V[d "\tindex"]; ROSIZE[r, e] = V[d "\tsize"]
  ROPN[r, e] = N[d "\tpath"]
  for (i = 0; i < N[d "\tpath"]; i++) {
    if (!isstr(d "\tpath\t" i) || !b64n(text(d "\tpath\t" i), 32)) return "a path element is not base64 of 32 bytes"
    ROPATH[r, e, i + 1] = b64hex(text(d "\tpath\t" i))
  }
  return ""
}
# Forgets the opening that was read before; other paths than these are never asked for.
function drop(d,  i) {
  for (i = 0; i < N[d "\tpath"]; i++) delete V[d "\tpath\t" i]
  for (i = 0; i < 5; i++) delete V[d "\tleaf\t" i]
  delete V[d "\tindex"]; delete V[d "\tsize"]; delete K[d]; delete N[d "\tleaf"]; delete N[d "\tpath"]
}
function reveal(r, e, i, s,  k, j, h) {
  if (s in SHOWN) { h = SHOWN[s] }
  else {
    delete K["r"]; delete N["r"]; delete V["r\t0"]; delete V["r\t1"]; delete V["r\t2"]
    k = json(s, "r", 1)
    if (k != "") return "a disclosure is not canonical JSON: " k
    if (!("r" in N) || N["r"] != 3 || !isstr("r\t0") || ulen(text("r\t0")) != 43 || !isstr("r\t1")) return "a disclosure must be [salt, name, value]"
    h = ++NSHOWN; SHOWN[s] = h
    DNAME[h] = text("r\t1"); DVALUE[h] = raw("r\t2"); DSUM[h] = need("t", s)
  }
  RSNAME[r, e, i] = DNAME[h]; RSHOWN[r, e, i] = h
  return ""
}
# Asks for everything that a receipt needs hashed and signed; keys first, then judge() after check().
function prepare(r,  e, l, z, s, k, m, x) {
  if (RERR[r] != "") return
  z = RLEAF[r, 1]
  RZERO[r] = 0; RZ[r] = ""
  if (RINDEX[r, 1] != "0") RZ[r] = "entry 0 is missing"
  else if (EERR[z] != "") RZ[r] = EERR[z]
  else if (ETYPE[z] != "vault-created") RZ[r] = "the first entry must be of type vault-created"
  else if (EZERO[z] != "") RZ[r] = EZERO[z]
  else {
    for (e = 0; e < ZN[z]; e++) if (ZROLE[z, e] == "root" && SUM[ZID[z, e]] == EKEY[z]) ZSIG[z] = sign("ed25519", ZPUB[z, e], EMSG[z], ESIG[z])
    if (!ZSIG[z]) RZ[r] = "it must be signed by the root key it names"
    else RZERO[r] = z
  }
  m = RNOTE[r]
  for (e = 1; e <= RNE[r]; e++) {
    l = RLEAF[r, e]
    for (x = 1; x <= RPN[r, e]; x++) PP[NP + 1, x] = RPATH[r, e, x]
    RPROOF[r, e] = include(ESUM[l], RINDEX[r, e], MERR[m] == "" ? MSIZE[m] : "x", RPN[r, e])
    if (ROPEN[r, e]) {
      for (x = 1; x <= ROPN[r, e]; x++) PP[NP + 1, x] = ROPATH[r, e, x]
      ROPROOF[r, e] = include(ROLEAF[r, e], ROINDEX[r, e], ROSIZE[r, e], ROPN[r, e])
    }
  }
  if (!RZERO[r]) return
  if (MERR[m] == "" && !((m, z) in LOGDONE)) { LOGDONE[m, z] = 1; logsign(m, z) }
  # every key that this receipt names, whatever its interval, so that each signature can be checked
  k = "p" r
  startkeys(k, z)
  for (e = 2; e <= RNE[r]; e++) { l = RLEAF[r, e]; if (EERR[l] == "" && ETYPE[l] == "key-enrolled" && EKEYERR[l] == "") changekeys(k, l, RINDEX[r, e] + 0) }
  for (e = 1; e <= RNE[r]; e++) {
    l = RLEAF[r, e]
    if (EERR[l] != "" || pubof(k, EKEY[l]) == "") continue
    if (!((l, pubof(k, EKEY[l])) in ESIGNED)) ESIGNED[l, pubof(k, EKEY[l])] = sign("ed25519", pubof(k, EKEY[l]), EMSG[l], ESIG[l])
  }
  if (MERR[m] == "") preparestates(r, z, m)
}
# Rules 1 to 6 and 8. subject(r) is put before what is said. RGOOD[r] = 1 if rules 1 to 6 hold.
function judge(r, p,  e, l, z, m, k, id, force, a, name, seen, n, ok, own, seq, before, expected, about, ing, h, i, q, was) {
  RGOOD[r] = 0; RSHOW[r] = RHIDE[r] = 0; RLAST[r] = ""
  if (RERR[r] != "") { f("D", "R-FORMAT", p, RERR[r]); return }
  was = BAD + 0; BAD = 0; OPENWAS = OPEN + 0; OPEN = 0
  # 1
  for (e = 2; e <= RNE[r]; e++) if (RINDEX[r, e] + 0 <= RINDEX[r, e - 1] + 0) { f("D", "R-ORDER", p, "entries do not stand in ascending order, each once"); break }
  z = RZERO[r]; m = RNOTE[r]
  if (RZ[r] != "") f("D", "R-ENTRY-ZERO", p "entry " RINDEX[r, 1], RZ[r])
  else if (ANSWER[ZSIG[z]] == "no") { f("D", "R-ENTRY-ZERO", p "entry 0", "its signature does not match"); z = 0 }
  else if (ANSWER[ZSIG[z]] != "yes") { f("U", "V-TOOL", p "entry 0", "openssl could not check its signature"); z = 0 }
  else if (EORIGIN[z] != RORIGIN[r]) { f("D", "R-ORIGIN", p "entry 0", "belongs to another log"); z = 0 }
  # 2 and 6
  k = "k" r
  if (z) startkeys(k, z)
  ok = 1
  for (e = 1; e <= RNE[r]; e++) {
    l = RLEAF[r, e]; id = p "entry " RINDEX[r, e]
    if (EERR[l] != "") { f("D", "R-ENTRY", id, EERR[l]); ok = 0; continue }
    if (z && RINDEX[r, e] + 0 > 0 && (ETYPE[l] == "key-enrolled" || ETYPE[l] == "key-revoked") && inforce(k, "root", EKEY[l], RINDEX[r, e] + 0) == 1 && ANSWER[ESIGNED[l, pubof(k, EKEY[l])]] == "yes") {
      a = changekeys(k, l, RINDEX[r, e] + 0)
      if (a != "") f("D", "R-KEY-EVENT", id, a)
    }
  }
  for (e = 1; e <= RNE[r]; e++) {
    l = RLEAF[r, e]; id = p "entry " RINDEX[r, e]
    if (EERR[l] != "") continue
    ESOUND[r, e] = 0
    if (z) {
      force = inforce(k, rolefor(l, RINDEX[r, e] + 0), EKEY[l], RINDEX[r, e] + 0)
      if (force < 0) f("D", "R-SIGNER", id, "signed by a key that the log does not name for it: " EKEY[l])
      else if (force == 0) f("D", "R-KEY-INTERVAL", id, "signed by a key that was not in force there: " EKEY[l])
      else {
        a = ANSWER[ESIGNED[l, pubof(k, EKEY[l])]]
        if (a == "no") f("D", "R-SIGNATURE", id, "the signature does not match: changed or forged")
        else if (a != "yes") f("U", "V-TOOL", id, "openssl could not check its signature")
        else ESOUND[r, e] = 1
      }
    }
    if (EORIGIN[l] != RORIGIN[r]) f("D", "R-ORIGIN", id, "belongs to another log")
    if (!(ETYPE[l] in FIELD)) f("I", "R-TYPE-UNKNOWN", id, "of a type that is not known here")
    n = 0; q = 0; split("", seen)
    for (i = 1; i <= RSN[r, e]; i++) {
      name = RSNAME[r, e, i]; h = RSHOWN[r, e, i]
      if (name in seen) { f("D", "R-FIELD-TWICE", id, "two values are shown for " name); q = 1; break }
      if (!((l SUBSEP name) in SD)) { f("D", "R-FIELD-UNKNOWN", id, "the entry commits to no value for " name); q = 1; break }
      if (SD[l, name] != SUM[DSUM[h]]) { f("D", "R-FIELD-CHANGED", id, "the value shown for " name " is not the one committed to"); q = 1; break }
      seen[name] = 1; n++
    }
    if (q) n = 0
    else for (i = 1; i <= RSN[r, e]; i++) {
      name = RSNAME[r, e, i]; RVALUE[r, e, name] = DVALUE[RSHOWN[r, e, i]]
      if (name == "content_size" && !(RVALUE[r, e, name] ~ /^"[0-9]+"$/ && decimal(substr(RVALUE[r, e, name], 2, length(RVALUE[r, e, name]) - 2)))) f("D", "R-SIZE-TEXT", id, "the size must be decimal digits")
    }
    RSHOW[r] += n; RHIDE[r] += ECOMMITTED[l] - n
  }
  # 4
  if (MERR[m] != "") f("D", "R-CHECKPOINT", p, MERR[m])
  else {
    if (z) {
      logjudge(m, "R-", p == "" ? RORIGIN[r] : "checkpoint")
      if (MN[m] > 2) f("I", "R-OTHER-SIGNATURES", "", "further signatures on the checkpoint are by keys that are not known here; they were not counted as countersigners")
    }
    # 3
    for (e = 1; e <= RNE[r]; e++) {
      if (!small(RINDEX[r, e]) || !small(MSIZE[m])) continue
      if (PR[RPROOF[r, e]] != MROOT[m]) f("D", "R-PROOF", p "entry " RINDEX[r, e], "it is not proved to stand in the log")
    }
  }
  # 5
  if (ok) {
    if (RMADE[r] != ETIME[RLEAF[r, RNE[r]]]) f("D", "R-MADE", p, "it says that it was made at another time than its closing entry was recorded")
    for (e = 1; e <= RNE[r]; e++) {
      l = RLEAF[r, e]; id = p "entry " RINDEX[r, e]
      RSEQ[r, e] = ESEQ[l]; RPREV[r, e] = EPREV[l]
      if (!ROPEN[r, e]) { if (EKIND[l] == "set" && RITEM[r] != "") f("D", "R-MEMBER", id, "no opening is shown"); continue }
      if (EKIND[l] != "set") { f("D", "R-MEMBER", id, "its subject is not a set"); continue }
      if (PR[ROPROOF[r, e]] == "" || PR[ROPROOF[r, e]] != EROOT[l]) { f("D", "R-MEMBER", id, "it is not proved that this entry is about the item"); continue }
      RSEQ[r, e] = ROSEQ[r, e]; RPREV[r, e] = ROPREV[r, e]
    }
    if (RITEM[r] != "") {
      expected = 0; before = "null"; ing = 0
      for (e = 2; e <= RNE[r]; e++) {
        l = RLEAF[r, e]; id = p "entry " RINDEX[r, e]
        if (beside(l) && !ROPEN[r, e]) continue
        about = ROPEN[r, e] ? ROHOME[r, e] "\t" ROID[r, e] : EHOME[l] "\t" EID[l]
        if ((EKIND[l] != "item" && EKIND[l] != "set") || about != RHOME[r] "\t" RITEM[r]) f("D", "R-SUBJECT", id, "is about something else than " RITEM[r])
        if (RSEQ[r, e] != expected "") { f("D", "R-SEQUENCE", id, "place " expected " in the item's history is expected, found " RSEQ[r, e]); expected = -1; break }
        if (RPREV[r, e] != before) { f("D", "R-PREV", id, "does not follow the entry before it"); expected = -1; break }
        before = SUM[ESUM[l]]; expected++
      }
      if (expected == 0) f("D", "R-NO-EVENTS", p, "there is no custody entry about this item")
      for (e = 1; e <= RNE[r]; e++) if (arrival(ETYPE[RLEAF[r, e]])) ing++
      if (expected > 0 && ing > 1) f("D", "R-SECOND-INGEST", p, "the item is said to have been taken in twice")
    }
    for (e = 1; e <= RNE[r]; e++) if (!beside(RLEAF[r, e])) RLAST[r] = RSEQ[r, e]
  }
  # heads that signers saw
  if (z && MERR[m] == "") for (e = 1; e <= RNE[r]; e++) if (EERR[RLEAF[r, e]] == "" && ESOUND[r, e] && contradicts(RLEAF[r, e], MORIGIN[m], MSIZE[m], MROOT[m])) f("D", "R-LOG-FORK", p "entry " RINDEX[r, e], "names another state of the log at size " MSIZE[m])
  RJZERO[r] = z
  RGOOD[r] = !BAD && z && MERR[m] == ""
  RPQ[r] = OPEN
  BAD = BAD || was; OPEN = OPEN || OPENWAS
  # 8
  if (z && TRUSTED) who(r, p, z, m)
  if (z && MERR[m] == "") judgestates(r, p, z, m)
}
function contradicts(l, o, size, root,  i) {
  for (i = 0; i < ESEEN[l]; i++) if (ESEENO[l, i] == o && ESEENS[l, i] == size && ESEENR[l, i] != root) return 1
  return 0
}
# Rule 8: as the trust file has it.
function who(r, p, z, m,  o, e, l, role, i, known, hit, x) {
  o = trustorigin(RORIGIN[r])
  if (!o) { f("D", "W-ORIGIN-UNKNOWN", RORIGIN[r], "the trust file does not know this log"); WHOBAD = 1; return }
  if (SUM[ESUM[z]] != TFP[o]) { f("D", "W-FINGERPRINT", RORIGIN[r], "another vault under the same name: expected " TFP[o] ", found " SUM[ESUM[z]]); WHOBAD = 1; return }
  for (e = 1; e <= RNE[r]; e++) if (EERR[RLEAF[r, e]] == "" && ESOUND[r, e] && contradicts(RLEAF[r, e], RORIGIN[r], TSIZE[o], TROOT[o])) f("D", "W-LOG-FORK", "entry " RINDEX[r, e], "the trust file has another state of the log at size " TSIZE[o])
  if (MERR[m] == "") {
    if (MSIZE[m] != TSIZE[o]) f("I", "W-NOT-COMPARED", RORIGIN[r], "the log states were not compared: size " MSIZE[m] " here, " TSIZE[o] " in the trust file")
    else if (MROOT[m] != TROOT[o] && LERR[m] == "" && ANSWER[LS[m]] == "yes" && LPQ[m] && !(LPQ[m] > 0 && ANSWER[LPQ[m]] == "no")) f("D", "W-LOG-FORK", RORIGIN[r], "the trust file has another state of the log at size " TSIZE[o] ": two histories were signed")
  }
  for (e = 1; e <= RNE[r]; e++) {
    l = RLEAF[r, e]
    if (EERR[l] == "") signer(o, rolefor(l, RINDEX[r, e] + 0), EKEY[l], RINDEX[r, e] + 0, "entry " RINDEX[r, e])
  }
}
function signer(o, role, id, index_, subject,  i, known, hit) {
  known = hit = 0
  for (i = 1; i <= TKN[o]; i++) if (TKROLE[o, i] == role && TKID[o, i] == id) {
    known = 1
    if (TKFROM[o, i] <= index_ && (TKUNTIL[o, i] == "null" || index_ < TKUNTIL[o, i] + 0)) hit = 1
  }
  if (known && !hit) { f("D", "W-KEY-INTERVAL", subject, "its key was not in force at this place of the log: " id); WHOBAD = 1 }
  else if (index_ >= TSIZE[o] + 0) { f("U", "W-BEYOND-TRUST", subject, "is newer than the trust file, which knows the log up to size " TSIZE[o]); WHOBAD = 1 }
  else if (!known) { f("D", "W-SIGNER-UNKNOWN", subject, "the trust file does not accept its key: " id); WHOBAD = 1 }
}

# ---- countersigned and time-stamped states (rules 9 and 10) ----
# Signatures of countersigners on note c that the policy of origin o names: COS[c, o, w].
function cosign(c, o,  w, i, k) {
  if ((c, o) in COSDONE) return
  COSDONE[c, o] = 1
  for (w = 1; w <= TWN[o]; w++) for (i = 1; i <= MN[c]; i++) {
    if (MNAME[c, i] != TWKEYNAME[o, w] || MID[c, i] != TWKEYID[o, w]) continue
    if ((c SUBSEP o SUBSEP w) in COS) { COSTWICE[c, o] = 1; continue }
    COS[c, o, w] = -2
    k = substr(MSIG[c, i], 1, 16)
    if (k ~ /^0+$/ || substr(k, 1, 1) !~ /[0-7]/) continue
    if (TWTYPE[o, w] == "04" && length(MSIG[c, i]) == 144) COS[c, o, w] = sign("ed25519", TWPUB[o, w], textmessage("cosignature/v1\ntime " dec64(k) "\n" MTEXT[c]), substr(MSIG[c, i], 17))
    else if (TWTYPE[o, w] == "06" && length(MSIG[c, i]) == 4856) COS[c, o, w] = OPENPQ ? sign("mldsa44", TWPUB[o, w], message(pqmessage(TWKEYNAME[o, w], c, k)), substr(MSIG[c, i], 17)) : -1
  }
}
function dec64(h,  i, d, n, c, a, o) { # a u64 in hex as decimal, digit by digit
  n = 1; a[1] = 0
  for (i = 1; i <= length(h); i++) {
    c = DEC["0" substr(h, i, 1)]
    for (d = 1; d <= n; d++) { c += a[d] * 16; a[d] = c % 10; c = int(c / 10) }
    while (c) { a[++n] = c % 10; c = int(c / 10) }
  }
  o = ""
  for (d = n; d >= 1; d--) o = o a[d]
  return o
}
function notefrom(b,  t, X, n) { # the number of a note in base64, 0 if it is no text
  if (b in STATENOTE) return STATENOTE[b]
  t = hextext(b64hex(b)); STATENOTE[b] = 0
  if (t ~ /\n$/ && t !~ C[1]) { n = split(substr(t, 1, length(t) - 1), X, "\n"); STATENOTE[b] = newnote(X, 1, n) }
  return STATENOTE[b]
}
function preparestates(r, z, m,  s, c, o, x, e, l, i) {
  o = TRUSTED ? trustorigin(RORIGIN[r]) : 0
  if (o) cosign(m, o)
  for (s = 1; s <= RNS[r]; s++) {
    c = RSM[r, s] = notefrom(RSNOTE[r, s]); RCP[r, s] = 0
    if (!c || MERR[c] != "") continue
    if (!((c, z) in LOGDONE)) { LOGDONE[c, z] = 1; logsign(c, z) }
    if (RSTATE[r, s] + 0 < MSIZE[m] + 0) {
      for (x = 1; x <= RCN[r, s]; x++) PP[NP + 1, x] = RCONS[r, s, x]
      RCP[r, s] = consist(RSTATE[r, s], MSIZE[m], MROOT[c], RCN[r, s])
    }
    if (o) cosign(c, o)
    stamps(r, s, c)
  }
  for (e = 1; e <= RNE[r]; e++) {
    l = RLEAF[r, e]
    if (EERR[l] != "" || RSEENN[r, e] < 0) continue
    for (i = 0; i < ESEEN[l]; i++) if (ESEENO[l, i] == RORIGIN[r]) break
    RSEENI[r, e] = i < ESEEN[l] ? i : -1
    if (i == ESEEN[l] || ESEENS[l, i] + 0 >= MSIZE[m] + 0 || ESEENS[l, i] == "0") continue
    for (x = 1; x <= RSEENN[r, e]; x++) PP[NP + 1, x] = RSEENP[r, e, x]
    RSEENQ[r, e] = consist(ESEENS[l, i], MSIZE[m], ESEENR[l, i], RSEENN[r, e])
  }
}
function stamps(r, s, c,  k, j, m, i, own, z) {
  own = MTEXT[c] "\n"; z = RZERO[r]
  for (i = 1; i <= MN[c]; i++) if (MNAME[c, i] == EORIGIN[z] && (MID[c, i] == substr(SUM[ZLOGID[z]], 1, 8) || MID[c, i] == substr(SUM[ZLOGPQID[z]], 1, 8))) own = own MLINE[c, i] "\n"
  for (k = 0; k <= RREN[r, s]; k++) {
    if (!RTN[r, s, k]) continue
    if (k) { i = RRENEW[r, s, k]; if (!(i in OWN)) OWN[i] = message(b64hex(i)); m = OWN[i] }
    else { if (!(own in OWN)) OWN[own] = textmessage(own); m = OWN[own] }
    for (j = 1; j <= RTN[r, s, k]; j++) {
      RTSUM[r, s, k, j] = need("x", b64hex(RTOKEN[r, s, k, j]))
      i = m " " RTOKEN[r, s, k, j]
      if (!(i in STAMP)) {
        STAMP[i] = ++NSTAMP
        print RTOKEN[r, s, k, j] "\n" > ("s/token." NSTAMP)
        close("s/token." NSTAMP)
        print NSTAMP " s/token." NSTAMP " " m " roots\n" > "stampjobs"
        STAMPING = 1
      }
      RSTAMP[r, s, k, j] = STAMP[i]
    }
  }
}
# 1 when note c of a state is signed as it must be; WHY says what is wrong, OPENSIGN if it is open.
function logsound(c) {
  OPENSIGN = 0
  WHY = LERR[c]
  if (WHY != "") return 0
  if (LS[c] && ANSWER[LS[c]] == "no" || LPQ[c] > 0 && ANSWER[LPQ[c]] == "no") { WHY = "a signature of the log does not match"; return 0 }
  if (!LS[c] || !LPQ[c]) { WHY = "one of the two signatures of the log was removed"; return 0 }
  if (ANSWER[LS[c]] != "yes" || LPQ[c] > 0 && ANSWER[LPQ[c]] != "yes") OPENSIGN = 2
  else if (LPQ[c] < 0) OPENSIGN = 1
  return 1
}
function notdemanded() { f("I", "V-PQ-NOT-DEMANDED", "", "NOT CHECKED HERE: ML-DSA-44 signatures, which need OpenSSL 3.5 (-c was given)") }
# Which countersigners signed note c: MET[name]; COSOPEN counts those that could not be checked.
function cosigned(c, o,  w, a, g, i, k) {
  split("", MET); COSOPEN = 0
  if ((c SUBSEP o) in COSTWICE) { WHY = "a countersigner signed twice"; return 0 }
  for (w = 1; w <= TWN[o]; w++) {
    if (!((c SUBSEP o SUBSEP w) in COS)) continue
    a = COS[c, o, w]
    if (a == -2 || a > 0 && ANSWER[a] == "no") { WHY = "the countersignature of " TWNAME[o, w] " does not match"; return 0 }
    if (a == -1 && CLASSICAL) notdemanded()
    else if (a == -1 || ANSWER[a] != "yes") { COSOPEN++; continue }
    MET[TWNAME[o, w]] = 1
  }
  for (g = 1; g <= TGN[o]; g++) {
    k = 0
    for (i = 1; i <= TGM[o, g]; i++) if (TGMEM[o, g, i] in MET) k++
    if (k >= TGNEED[o, g]) MET[TGNAME[o, g]] = 1
  }
  return 1
}
function judgestates(r, p, z, m,  s, c, o, subject, a, i, covered, waiting, e, l, good) {
  o = TRUSTED ? trustorigin(RORIGIN[r]) : 0
  covered = waiting = 0
  for (s = 1; s <= RNS[r]; s++) {
    subject = "state " RSTATE[r, s]; c = RSM[r, s]
    if (!c || MERR[c] != "") { f("D", "R-STATE", subject, c ? MERR[c] : "its checkpoint is no text"); continue }
    if (!logsound(c)) { f("D", "R-STATE", subject, WHY); continue }
    if (OPENSIGN == 1 && CLASSICAL) notdemanded()
    else if (OPENSIGN) f("U", "R-CHECKPOINT-UNCHECKED", subject, "its ML-DSA-44 signature needs OpenSSL 3.5 or later (-c: go on without)")
    if (o && !cosigned(c, o)) { f("D", "R-STATE", subject, WHY); continue }
    if (MSIZE[c] != RSTATE[r, s]) { f("D", "R-STATE", subject, "its size is " MSIZE[c]); continue }
    if (RSTATE[r, s] == MSIZE[m] && MROOT[c] != MROOT[m]) { f("D", "R-LOG-FORK", subject, "contradicts the receipt's checkpoint"); continue }
    if (RSTATE[r, s] == MSIZE[m] ? RCN[r, s] : !RCP[r, s] || PA[RCP[r, s]] != MROOT[c] || PB[RCP[r, s]] != MROOT[m]) { f("D", "R-STATE-PROOF", subject, "is not proved to be an earlier state of the same log"); continue }
    if (o && (TQUORUM[o] in MET) && MSIZE[c] + 0 > covered) covered = MSIZE[c] + 0
    if (o) waiting += COSOPEN
    judgestamps(r, s, subject)
  }
  if (o && logsound(m)) {
    if (!cosigned(m, o)) f("D", "R-STATE", "checkpoint", WHY)
    else { if ((TQUORUM[o] in MET) && MSIZE[m] + 0 > covered) covered = MSIZE[m] + 0; waiting += COSOPEN }
  }
  if (o && TQUORUM[o] == "none") f("I", "R-COSIGN-NONE", "", "the trust file names no countersigners for this log")
  else if (o) {
    if (covered) f("M", "R-COSIGN-OK", "state " covered, "countersigned as the policy of the trust file asks")
    for (e = 1; e <= RNE[r]; e++) {
      if (EERR[RLEAF[r, e]] != "" || RINDEX[r, e] + 0 < covered) continue
      if (e == RNE[r] && covered && ETYPE[RLEAF[r, e]] == "exported") f("I", "R-COSIGN-EXIT", "entry " RINDEX[r, e], "the export itself is newer than the countersigned state, as it must be")
      else if (waiting) f("U", "R-COSIGN-UNCHECKED", "entry " RINDEX[r, e], "countersignatures with ML-DSA-44 need OpenSSL 3.5 or later")
      else f("U", "R-COSIGN-PENDING", "entry " RINDEX[r, e], "countersignatures are pending")
    }
  }
  claimcheck(r)
  # what a signer had seen
  for (e = 1; e <= RNE[r]; e++) {
    l = RLEAF[r, e]
    if (RSEENN[r, e] < 0 || EERR[l] != "" || !ESOUND[r, e] || RSEENI[r, e] < 0) continue
    i = RSEENI[r, e]; a = ESEENS[l, i] + 0
    if (a < 1 || a > RINDEX[r, e] + 0 || a > MSIZE[m] + 0) good = 0
    else if (a == MSIZE[m] + 0) good = !RSEENN[r, e] && ESEENR[l, i] == MROOT[m]
    else good = PA[RSEENQ[r, e]] == ESEENR[l, i] && PB[RSEENQ[r, e]] == MROOT[m]
    if (!good) f("D", "T-SEEN", p "entry " RINDEX[r, e], "the state of the log that its signer had seen is not proved")
  }
  for (e = 1; e <= RNE[r]; e++) {
    l = RLEAF[r, e]
    if (EERR[l] == "" && ETYPE[l] == "anchored" && ESOUND[r, e] && EANCHOR[l] != "") f("D", "T-ANCHOR", "entry " RINDEX[r, e], EANCHOR[l])
  }
}
function judgestamps(r, s, subject,  k, j, a, i) {
  for (k = 0; k <= RREN[r, s]; k++) for (j = 1; j <= RTN[r, s, k]; j++) {
    a = STAMPED[RSTAMP[r, s, k, j]]; i = subject ", " RTNAME[r, s, k, j] (k ? ", renewal " k : "")
    if (a == "yes") f("M", k ? "T-RENEWAL-OK" : "T-TOKEN-OK", i, "the time stamp matches: not later than " utc(STAMPTIME[RSTAMP[r, s, k, j]]))
    else if (a == "stranger") f("U", k ? "T-RENEWAL-UNCHECKED" : "T-TOKEN-UNCHECKED", i, "no root certificate of the trust file leads to this time stamp")
    else f("D", k ? "T-RENEWAL-WRONG" : "T-TOKEN-WRONG", i, "the time stamp does not match")
  }
  if (RREN[r, s]) f("U", "T-RENEWAL-UNCHECKED", subject, "whether the lists of its renewals name all that went before is not checked by this verifier")
}
function utc(n,  d, t, y, m, e) { # POSIX seconds as text
  d = int(n / 86400); t = n - d * 86400; d += 719468
  e = int(d / 146097); d -= e * 146097
  y = int((d - int(d / 1460) + int(d / 36524) - int(d / 146096)) / 365)
  d -= 365 * y + int(y / 4) - int(y / 100)
  m = int((5 * d + 2) / 153); d = d - int((153 * m + 2) / 5) + 1
  y += e * 400; m = m < 10 ? m + 3 : m - 9; if (m < 3) y++
  return sprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", y, m, d, int(t / 3600), int(t / 60) % 60, t % 60)
}
# Whatever the closing export says went along must be there.
function claimcheck(r,  e, k, s, i, j, q, hit, n, c, d) {
  e = RNE[r]; k = r SUBSEP e SUBSEP "proofs"
  if (EERR[RLEAF[r, e]] != "" || ETYPE[RLEAF[r, e]] != "exported" || !(k in RVALUE)) return
  q = RVALUE[k]
  if (!(q in CLAIM)) {
    CLAIM[q] = "c" ++NCLAIM
    CLAIMERR[q] = json(q, CLAIM[q], 5)
    if (CLAIMERR[q] == "") CLAIMERR[q] = claimed(CLAIM[q])
  }
  d = CLAIM[q]
  if (CLAIMERR[q] != "") { f("D", "R-PROOF-CLAIM", "entry " RINDEX[r, e], CLAIMERR[q]); return }
  for (i = 0; i < N[d "\tstates"]; i++) {
    q = d "\tstates\t" i; s = 0
    for (j = 1; j <= RNS[r]; j++) if (RSTATE[r, j] == V[q "\tsize"]) s = j
    if (!s) { f("D", "R-PROOF-REMOVED", "entry " RINDEX[r, e], "the state of " V[q "\tsize"] " entries went along and is missing now"); continue }
    c = RSM[r, s]
    for (j = 0; j < N[q "\tcosigners"]; j++) {
      hit = 0
      if (c && MERR[c] == "") for (n = 1; n <= MN[c]; n++) if (MID[c, n] == text(q "\tcosigners\t" j)) hit = 1
      if (!hit) f("D", "R-PROOF-REMOVED", "entry " RINDEX[r, e], "a cosignature of the state of " V[q "\tsize"] " entries is missing")
    }
    for (j = 0; j < N[q "\ttokens"]; j++) {
      hit = 0
      for (n = 1; n <= RTN[r, s, 0]; n++) if (SUM[RTSUM[r, s, 0, n]] == text(q "\ttokens\t" j)) hit = 1
      if (!hit) f("D", "R-PROOF-REMOVED", "entry " RINDEX[r, e], "a time stamp of the state of " V[q "\tsize"] " entries is missing")
    }
  }
}
EOF
cat > trust.awk <<'EOF'
# ---- trust files (docs/format-trust.md) ----
function bad(why) { f("D", "T-TRUST", "trust file", why); TRUSTBAD = 1 }
function readtrust(  l, e, n, i, o, X, roots) {
  e = textproblem("trust", 1)
  if (e != "") { bad(e); return }
  if ((getline l < "in/trust") < 1 || (getline e < "in/trust") > 0) { bad("more than one line"); close("in/trust"); return }
  close("in/trust")
  e = json(l, "t", 6)
  if (e != "") { bad("not canonical JSON: " e); return }
  if (!members("t", "kind made_at network origins time_authorities v") || V["t\tkind"] != "\"evidence-vault/trust\"" || V["t\tv"] != "1") { bad("not a trust file"); return }
  if (!isstr("t\tmade_at") || !time(text("t\tmade_at"))) { bad("made_at is malformed"); return }
  if (V["t\tnetwork"] != "null") f("U", "T-NETWORK", "trust file", "the threshold signatures of its network documents can't be checked by this verifier")
  if (!(("t\ttime_authorities") in N) || !(("t\torigins") in N) || N["t\torigins"] < 1) { bad("other members"); return }
  roots = ""
  for (i = 0; i < N["t\ttime_authorities"]; i++) {
    if (!isstr("t\ttime_authorities\t" i)) { bad("time_authorities must be texts"); return }
    e = V["t\ttime_authorities\t" i]; e = substr(e, 2, length(e) - 2); gsub(/\\n/, "\n", e)
    if (e ~ /\\/) { bad("time_authorities must be PEM"); return }
    roots = roots e (e ~ /\n$/ ? "" : "\n")
  }
  print roots > "roots"; close("roots")
  n = N["t\torigins"]
  TN = 0
  for (i = 0; i < n; i++) {
    e = trustone(i + 1, "t\torigins\t" i, V["t\torigins\t" i "\torigin"])
    if (e != "") { bad(e); return }
    if (i && (TORIGIN[i + 1] "") <= (TORIGIN[i] "")) { bad("origins must be sorted, each once"); return }
  }
  TN = n
}
function trustorigin(name,  i) { for (i = 1; i <= TN; i++) if (TORIGIN[i] == name) return i; return 0 }
function unescape(p,  s) { s = V[p]; s = substr(s, 2, length(s) - 2); gsub(/\\n/, "\n", s); gsub(/\\"/, "\"", s); return s }
function trustone(o, q, name,  a, i, k, n, X, e) {
  if (!members(q, "as_of checkpoint entry0 fingerprint keys log_keys org origin policy prefix witness")) return "an origin has other members"
  split("checkpoint entry0 org policy prefix origin", a, " ")
  for (i = 1; i <= 6; i++) if (!isstr(q "\t" a[i])) return a[i] " must be text"
  TORIGIN[o] = text(q "\torigin")
  if (!origin(TORIGIN[o]) || !prefix(text(q "\tprefix")) || !ishex(q "\tfingerprint", 64)) return "an origin is malformed"
  if (!members(q "\tas_of", "root size") || !ishex(q "\tas_of\troot", 64) || !iscount(q "\tas_of\tsize")) return "as_of is malformed"
  if (!((q "\tkeys") in N) || !((q "\tlog_keys") in N)) return "keys must be lists"
  TFP[o] = text(q "\tfingerprint"); TSIZE[o] = V[q "\tas_of\tsize"]; TROOT[o] = text(q "\tas_of\troot"); TPREFIX[o] = text(q "\tprefix")
  if (TSIZE[o] == "0") return "its log is empty"
  n = N[q "\tkeys"]; TKN[o] = n
  for (i = 1; i <= n; i++) {
    k = q "\tkeys\t" i - 1
    if (!members(k, "alg from keyid public role until") || V[k "\talg"] != "\"ed25519\"" || V[k "\trole"] !~ /^"(events|root|statements)"$/) return "a key is malformed"
    if (!iscount(k "\tfrom") || V[k "\tuntil"] != "null" && (!iscount(k "\tuntil") || V[k "\tfrom"] + 0 >= V[k "\tuntil"] + 0)) return "the interval of a key is malformed"
    if (!isstr(k "\tpublic") || weak(text(k "\tpublic")) != "" || !ishex(k "\tkeyid", 64)) return "a public key nobody should accept"
    TKROLE[o, i] = text(k "\trole"); TKID[o, i] = text(k "\tkeyid"); TKPUB[o, i] = text(k "\tpublic"); TKFROM[o, i] = V[k "\tfrom"] + 0; TKUNTIL[o, i] = V[k "\tuntil"]
    TKSUM[o, i] = keyid(TKPUB[o, i])
  }
  n = N[q "\tlog_keys"]; TLN[o] = n
  for (i = 1; i <= n; i++) { if (!isstr(q "\tlog_keys\t" i - 1)) return "log_keys must be texts"; TLKEY[o, i] = text(q "\tlog_keys\t" i - 1) }
  k = unescape(q "\tcheckpoint"); TCHECK[o] = 0
  if (k !~ /\n$/ || k ~ /\\/) return "its checkpoint is no note"
  n = split(substr(k, 1, length(k) - 1), X, "\n")
  TPOLICY[o] = unescape(q "\tpolicy")
  k = unescape(q "\tentry0")
  TZERO[o] = entry(k); a[1] = TZERO[o]
  TCHECK[o] = newnote(X, 1, n)
  if (EERR[a[1]] != "" || ETYPE[a[1]] != "vault-created") return "entry 0: " EERR[a[1]]
  if (EZERO[a[1]] != "") return "entry 0: " EZERO[a[1]]
  if (EORIGIN[a[1]] != TORIGIN[o]) return "entry 0 is of another log"
  if (ZPREFIX[a[1]] != TPREFIX[o]) return "entry 0 states another prefix"
  if (MERR[TCHECK[o]] != "") return "its checkpoint: " MERR[TCHECK[o]]
  k = readpolicy(o)
  return k == "" ? readwitness(o, q "\twitness", TZERO[o]) : k
}
# The keys under which the same organisation countersigns other logs: none of them counts for its own.
function readwitness(o, q, z,  i, j, n, types, names, pubs) {
  if (!(q in N)) return "witness must be a list"
  n = ""
  for (i = 0; i < N[q]; i++) {
    if (!isstr(q "\t" i) || !vkey(text(q "\t" i))) return "a key of its countersigner is malformed"
    if (VT == "01" || (VT in types) || n != "" && VN != n || (VP in pubs)) return "witness: one name, at most one key of type 0x04 and one of type 0x06"
    types[VT] = pubs[VP] = 1; n = VN
    VWANT[++NV] = VSUM; VGOT[NV] = VID
    for (j = 0; j < ZN[z]; j++) if (ZPUB[z, j] == VP) return "a key of its countersigner serves another role, too"
    for (j = 1; j <= TKN[o]; j++) if (TKPUB[o, j] == VP) return "a key of its countersigner serves another role, too"
    for (j = 1; j <= TWN[o]; j++) if (TWPUB[o, j] == VP) return "its policy counts its own organisation's cosignature"
  }
  return ""
}
# vkey NAME+ID+BASE64 -> VN, VT (type), VP (key in base64), VID, VSUM; 1 if its form is right
function vkey(s,  i, j, h) {
  i = index(s, "+")
  if (i < 2 || length(s) > 4096) return 0
  VN = substr(s, 1, i - 1); s = substr(s, i + 1)
  VID = substr(s, 1, 8); s = substr(s, 10)
  if (!hex(VID, 8) || !b64ok(s) || VN ~ / / || VN ~ CTRL || !utf8(VN)) return 0
  h = b64hex(s); VT = substr(h, 1, 2); h = substr(h, 3)
  if (VT != "01" && VT != "04" && VT != "06") return 0
  VP = hexb64(h)
  if (VT == "06" ? length(h) != 2624 : weak(VP) != "") return 0
  VSUM = need("x", texthex(VN) "0a" VT h)
  return 1
}
# tlog-policy: TW? are countersigners, TG? groups, TQUORUM. Returns what is wrong.
function readpolicy(o,  L, n, i, a, c, j, names, free, pubs, logs, quorum, k, x) {
  n = split(TPOLICY[o], L, "\n"); quorum = 0; TPLN[o] = TWN[o] = TGN[o] = 0
  if (TPOLICY[o] ~ C[127] || n > 1001) return "its policy is malformed"
  for (i = 1; i <= n; i++) {
    gsub(/\t/, " ", L[i])
    if (L[i] ~ CTRL) return "its policy has control characters"
    c = split(L[i], a, " ")
    if (c == 0 || a[1] ~ /^#/) continue
    if (a[1] == "log" && (c == 2 || c == 3)) {
      if (!vkey(a[2]) || (VP in logs)) return "its policy names a log badly"
      logs[VP] = 1; k = ++TPLN[o]; TPLOG[o, k] = a[2]; VWANT[++NV] = VSUM; VGOT[NV] = VID
    } else if (a[1] == "witness" && (c == 3 || c == 4)) {
      if ((a[2] in names) || a[2] == "none" || !vkey(a[3]) || VT == "01" || (VP in pubs)) return "its policy names a countersigner badly"
      names[a[2]] = free[a[2]] = 1; pubs[VP] = 1; k = ++TWN[o]
      TWNAME[o, k] = a[2]; TWKEYNAME[o, k] = VN; TWKEYID[o, k] = VID; TWTYPE[o, k] = VT; TWPUB[o, k] = VP
      VWANT[++NV] = VSUM; VGOT[NV] = VID
    } else if (a[1] == "group" && c >= 4) {
      if ((a[2] in names) || a[2] == "none") return "its policy names a group badly"
      k = ++TGN[o]; TGNAME[o, k] = a[2]; TGM[o, k] = c - 3
      for (j = 4; j <= c; j++) {
        if (!(a[j] in free)) return "its policy names a member that is unknown or used before"
        delete free[a[j]]; TGMEM[o, k, j - 3] = a[j]
      }
      names[a[2]] = free[a[2]] = 1
      x = a[3] == "all" ? c - 3 : a[3] == "any" ? 1 : a[3]
      if (x !~ /^[1-9][0-9]*$/ || length(x) > 4 || x + 0 > c - 3) return "its policy demands a number that can't be"
      TGNEED[o, k] = x + 0
    } else if (a[1] == "quorum" && c == 2) {
      if (quorum++ || a[2] != "none" && !(a[2] in names)) return "its policy has a quorum that can't be"
      TQUORUM[o] = a[2]
    } else return "its policy has a line that is not known"
  }
  return quorum ? "" : "its policy has no quorum"
}
function preparetrust(  o, z, i) {
  for (o = 1; o <= TN; o++) {
    z = TZERO[o]
    for (i = 0; i < ZN[z]; i++) if (ZROLE[z, i] == "root" && SUM[ZID[z, i]] == EKEY[z]) ZSIG[z] = sign("ed25519", ZPUB[z, i], EMSG[z], ESIG[z])
    if (!((TCHECK[o], z) in LOGDONE)) { LOGDONE[TCHECK[o], z] = 1; logsign(TCHECK[o], z) }
  }
}
function judgetrust(  o, z, i, j, m, n, want, role, hit, roots) {
  if (TRUSTBAD) return
  for (i = 1; i <= NV; i++) if (substr(SUM[VWANT[i]], 1, 8) != VGOT[i]) bad("a verifier key states another key ID than its own")
  for (o = 1; o <= TN; o++) {
    z = TZERO[o]; m = TCHECK[o]
    if (SUM[ESUM[z]] != TFP[o]) bad("entry 0 does not have the stated fingerprint")
    if (!ZSIG[z] || ANSWER[ZSIG[z]] == "no") bad("entry 0 is not signed by its root key")
    else if (ANSWER[ZSIG[z]] != "yes") f("U", "V-TOOL", "trust file", "openssl could not check entry 0")
    want = EORIGIN[z] "+" substr(SUM[ZLOGID[z]], 1, 8) "+" hexb64("01" b64hex(ZLOG[z]))
    n = EORIGIN[z] "+" substr(SUM[ZLOGPQID[z]], 1, 8) "+" hexb64("06" b64hex(ZLOGPQ[z]))
    if (TLN[o] != 2 || TLKEY[o, 1] != want || TLKEY[o, 2] != n) bad("its log keys are not those of entry 0")
    if (TPLN[o] != 2 || !(TPLOG[o, 1] == want && TPLOG[o, 2] == n || TPLOG[o, 1] == n && TPLOG[o, 2] == want)) bad("its policy is about other logs")
    split("", role); roots = 0
    for (i = 0; i < ZN[z]; i++) role[ZPUB[z, i]] = ZROLE[z, i]
    for (i = 1; i <= TKN[o]; i++) {
      if (SUM[TKSUM[o, i]] != TKID[o, i]) bad("a keyid is not that of its key")
      if (i > 1 && !(TKROLE[o, i - 1] < TKROLE[o, i] || TKROLE[o, i - 1] == TKROLE[o, i] && (TKFROM[o, i - 1] < TKFROM[o, i] || TKFROM[o, i - 1] == TKFROM[o, i] && TKID[o, i - 1] < TKID[o, i]))) bad("keys must be sorted by role, from and keyid")
      if (!(TKPUB[o, i] in role)) role[TKPUB[o, i]] = TKROLE[o, i]
      if (role[TKPUB[o, i]] != TKROLE[o, i]) bad("one key has two roles")
      if (TKROLE[o, i] == "root") { roots++; if (TKID[o, i] != EKEY[z]) bad("its root keys are not those of entry 0") }
    }
    if (!roots) bad("its root keys are not those of entry 0")
    if (!logjudge(m, "T-", "trust file")) TRUSTBAD = BAD ? 1 : TRUSTBAD
    if (MSIZE[m] != TSIZE[o] || MROOT[m] != TROOT[o]) bad("its checkpoint states another size or root than as_of")
  }
}
EOF
cat > bundle.awk <<'EOF'
# ---- bundles (docs/format-bundle.md) ----
function namesum(file,  l, i) { # lines "DIGEST  NAME" of sha256sum or sha512sum; NAME as in the bundle
  while ((getline l < file) > 0) {
    i = index(l, " ")
    l = substr(l, 1, i - 1) " " substr(l, i + 2)
    i = index(l, " ")
    GOTNAME = substr(l, i + 1); gsub(/[+]/, "/", GOTNAME)
    if (file == "sum256") S256[GOTNAME] = substr(l, 1, i - 1); else S512[GOTNAME] = substr(l, 1, i - 1)
  }
  close(file)
}
function listing(  l, k, n, a, low) {
  while ((getline l < "listing") > 0) {
    k = substr(l, 1, 1); n = substr(l, 3)
    low = tolower(n)
    if (k == "j") { f("I", "C-JUNK", n, "was added by an operating system; it was not opened and changes nothing"); continue }
    if (k == "l") { f("D", "C-LINK", n, "is a link; a bundle holds files only"); continue }
    if (k == "s") { f("D", "C-SPECIAL", n, "is a pipe, socket or device"); continue }
    if (k == "u" || unsafe(n)) { f("D", "C-UNSAFE-NAME", n, "has a name that must not stand in a bundle"); continue }
    if (low in LOWER) f("D", "C-COLLISION", n, "can't be told from " LOWER[low] " on some systems")
    LOWER[low] = n
    if (k == "d") FOLDER[n] = 1; else THERE[n] = 1
  }
  close("listing")
  namesum("sum256"); namesum("sum512")
  while ((getline l < "size") > 0) { sub(/^ */, "", l); k = index(l, " "); n = substr(l, k + 1); gsub(/[+]/, "/", n); SIZE[n] = substr(l, 1, k - 1) }
  close("size")
}
# A path that must not stand in a bundle; of those with letters beyond ASCII nothing is known.
function unsafe(p,  n, a, i, s) {
  if (p == "" || length(p) > 1024 || p ~ /^\// || p ~ /[\\:<>"|?*%]/ || p ~ CTRL || p ~ C[127]) return 1
  n = split(p, a, "/")
  for (i = 1; i <= n; i++) {
    if (a[i] == "" || a[i] == "." || a[i] == ".." || length(a[i]) > 255 || a[i] ~ /[. ]$/) return 1
    s = tolower(a[i]); sub(/[.].*/, "", s)
    if (s ~ /^(con|prn|aux|nul|com[0-9]|lpt[0-9])$/) return 1
  }
  return 0
}
function junk(p,  n, a, i) {
  n = split(tolower(p), a, "/")
  for (i = 1; i <= n; i++) {
    if (i < n && a[i] ~ /^(__macosx|[.]spotlight-v100|[.]trashes|[.]fseventsd)$/) return 1
    if (i == n && a[i] ~ /^([.]_.*|[.]ds_store|thumbs[.]db|ehthumbs[.]db|desktop[.]ini|[.]directory)$/) return 1
  }
  return 0
}
# What an export says of its proofs (core/proofclaim.py); "" or what is wrong with its form.
function claimed(q,  i, j, k, before) {
  if (!members(q, "cosignatures inclusion states timestamps")) return "proofs are malformed"
  if (V[q "\tinclusion"] != "\"present\"" || V[q "\tcosignatures"] !~ /^"(present|pending|not configured)"$/ || V[q "\ttimestamps"] !~ /^"(present|pending|not configured)"$/) return "proofs must say present, pending or not configured, and inclusion present"
  if (!((q "\tstates") in N)) return "the states of proofs must be a list"
  before = -1
  for (i = 0; i < N[q "\tstates"]; i++) {
    k = q "\tstates\t" i
    if (!members(k, "cosigners size tokens") || !iscount(k "\tsize") || !((k "\tcosigners") in N) || !((k "\ttokens") in N)) return "a state of proofs is malformed"
    if (V[k "\tsize"] + 0 <= before) return "the states of proofs must stand in order of size"
    before = V[k "\tsize"] + 0
    for (j = 0; j < N[k "\tcosigners"]; j++) if (!ishex(k "\tcosigners\t" j, 8)) return "the cosigners of proofs are malformed"
    for (j = 0; j < N[k "\ttokens"]; j++) if (!ishex(k "\ttokens\t" j, 64)) return "the tokens of proofs are malformed"
  }
  return ""
}
function readstatement(  e, l, q, i, k, a, n, p) {
  e = textproblem("statement.json", 0)
  if (e != "") return e
  if ((getline l < "in/statement.json") < 1 || (getline e < "in/statement.json") > 0) { close("in/statement.json"); return "more than one line" }
  close("in/statement.json")
  e = json(l, "s", 7)
  if (e != "") return "not canonical JSON: " e
  if (!members("s", "bundle_id checkpoint counts exported files items key kind made_at origin proofs v")) return "other members"
  if (V["s\tkind"] != "\"evidence-vault/bundle\"" || V["s\tv"] != "1" || !ishex("s\tbundle_id", 32) || !ishex("s\tkey", 64)) return "not the statement of a bundle"
  if (!isstr("s\tmade_at") || !time(text("s\tmade_at")) || !isstr("s\torigin") || !origin(text("s\torigin"))) return "made_at or origin is malformed"
  if (!members("s\tcheckpoint", "root size") || !ishex("s\tcheckpoint\troot", 64) || !iscount("s\tcheckpoint\tsize")) return "checkpoint is malformed"
  if (!members("s\texported", "index leaf") || !ishex("s\texported\tleaf", 64) || !iscount("s\texported\tindex")) return "exported is malformed"
  if (!members("s\tcounts", "chosen exported fields_shown fields_withheld withheld")) return "counts are malformed"
  n = split("chosen exported fields_shown fields_withheld withheld", a, " ")
  for (i = 1; i <= n; i++) { if (!iscount("s\tcounts\t" a[i])) return "counts are malformed"; SCOUNT[a[i]] = V["s\tcounts\t" a[i]] }
  e = claimed("s\tproofs")
  if (e != "") return e
  if (!(("s\tfiles") in N) || !(("s\titems") in N)) return "files and items must be lists"
  SFN = N["s\tfiles"]
  for (i = 1; i <= SFN; i++) {
    q = "s\tfiles\t" i - 1
    if (!members(q, "path sha256 size") || !isstr(q "\tpath") || !ishex(q "\tsha256", 64) || !iscount(q "\tsize")) return "a file is malformed"
    p = text(q "\tpath")
    if (unsafe(p)) return "an unsafe path"
    if (p ~ HIGH || p ~ /[^A-Za-z0-9._\/-]/) f("U", "V-NAME", p, "a name with other letters than A-Z, a-z, 0-9, '.', '_', '-' can't be judged here")
    if ((p in UNLISTED) || p == "padding" || junk(p)) return "a file that must not be listed"
    if (i > 1 && (p "") <= (SFP[i - 1] "")) return "files must be sorted by path, each once"
    SFP[i] = p; SFS[i] = text(q "\tsha256"); SFZ[i] = V[q "\tsize"]; LISTED[p] = i
    if (p !~ HIGH && (tolower(p) in SLOWER)) f("D", "C-COLLISION", p, "can't be told from another file on some systems")
    SLOWER[tolower(p)] = 1
  }
  SIN = N["s\titems"]
  for (i = 1; i <= SIN; i++) {
    q = "s\titems\t" i - 1
    if (!members(q, "home id last_seq payload receipt withheld") || !isstr(q "\thome") || !origin(text(q "\thome")) || !isstr(q "\tid") || !item_id(text(q "\tid")) || !iscount(q "\tlast_seq") || !isstr(q "\treceipt")) return "an item is malformed"
    if (V[q "\tpayload"] != "null" && !isstr(q "\tpayload") || V[q "\twithheld"] != "null" && !isstr(q "\twithheld")) return "an item is malformed"
    SIHOME[i] = text(q "\thome"); SIID[i] = text(q "\tid"); SISEQ[i] = V[q "\tlast_seq"]
    SIPAY[i] = V[q "\tpayload"] == "null" ? "" : text(q "\tpayload"); SIHASPAY[i] = V[q "\tpayload"] != "null"
    SIREC[i] = text(q "\treceipt"); SIWITH[i] = V[q "\twithheld"] != "null"
    if (i > 1 && ((SIHOME[i] "") < (SIHOME[i - 1] "") || SIHOME[i] == SIHOME[i - 1] && (SIID[i] "") <= (SIID[i - 1] ""))) return "items must be sorted by home and id, each once"
  }
  SID = text("s\tbundle_id"); SKEY = text("s\tkey"); SORIGIN = text("s\torigin")
  SROOT = text("s\tcheckpoint\troot"); SSIZE = V["s\tcheckpoint\tsize"]
  SXINDEX = V["s\texported\tindex"]; SXLEAF = text("s\texported\tleaf")
  SRAWCOUNTS = raw("s\tcounts"); SRAWPROOFS = raw("s\tproofs")
  STEXT = l
  return ""
}
# Rule 2: the set of files.
function checkfiles(  i, p, a, n, must, folders, j, k) {
  n = split("HOW-TO-VERIFY.txt bag-info.txt bagit.txt custody.csv custody.txt index.csv manifest-sha256.txt manifest-sha512.txt verify.sh", must, " ")
  for (i = 1; i <= n; i++) if (!(must[i] in LISTED)) f("D", "B-NOT-LISTED", must[i], "must be in every bundle, but the statement does not list it")
  for (i = 1; i <= SFN; i++) {
    p = SFP[i]
    if (!(p in THERE)) f("D", "B-MISSING", p, "is missing")
    else if (!(p in S256) || !(p in SIZE)) { if (p !~ /[^A-Za-z0-9._\/-]/) f("U", "B-UNREADABLE", p, "could not be read") }
    else if (SIZE[p] != SFZ[i]) f("D", "B-CHANGED-SIZE", p, "was changed: " SFZ[i] " bytes expected, found " SIZE[p])
    else if (S256[p] != SFS[i]) f("D", "B-CHANGED", p, "was changed: SHA-256 expected " SFS[i] ", found " S256[p])
    else GOOD[p] = 1
    k = ""; n = split(p, a, "/")
    for (j = 1; j < n; j++) { k = k (j > 1 ? "/" : "") a[j]; folders[k] = 1 }
  }
  folders["data"] = 1
  for (p in UNLISTED) if (!(p in THERE)) f("D", "B-MISSING", p, "is missing")
  if ((getline k < "padding") > 0) f("I", "C-PADDING", "padding", k " zeros that hide the exact size of an encrypted bundle; no evidence")
  else k = ""
  for (p in THERE) if (!(p in LISTED) && !(p in UNLISTED) && !(p == "padding" && k != "")) f("D", "B-ADDED", p, "was added: the statement does not list it")
  for (p in FOLDER) if (!(p in folders)) f("D", "B-ADDED", p "/", "was added: the statement does not list it")
  while ((getline p < "inside") > 0) if (p in LISTED) f("D", "B-TRUST-INSIDE", p, "is a trust file inside the bundle")
  close("inside")
}
# Rule 4: the manifests, byte for byte.
function manifest(name, payload, file_sums,  X, n, i, d, w, p, want, e, before) {
  e = textproblem(name, 1)
  n = 0
  if (e == "empty") e = ""
  else if (e == "") n = lines(name, X)
  if (e != "") { f("D", "B-MANIFEST", name, e); return }
  w = file_sums == 256 ? 64 : 128
  for (i = 1; i <= SFN; i++) if ((SFP[i] ~ /^data\//) == payload) want[SFP[i]] = 1
  if (!payload) want["statement.json"] = want["statement.sig"] = want["statement.sshsig"] = 1
  before = ""
  for (i = 1; i <= n; i++) {
    d = substr(X[i], 1, w); p = substr(X[i], w + 3)
    if (!hex(d, w) || substr(X[i], w + 1, 2) != "  ") { f("D", "B-MANIFEST", name, "line " i " is malformed"); return }
    if (i > 1 && (p "") <= (before "")) { f("D", "B-MANIFEST", name, "is not sorted by path"); return }
    if (!(p in want)) { f("D", "B-MANIFEST", name, "lists " p); return }
    if ((p in GOOD) && (file_sums == 256 ? S256[p] : S512[p]) != d) { f("D", "B-MANIFEST", name, "states another digest of " p); return }
    delete want[p]; before = p
  }
  for (p in want) { f("D", "B-MANIFEST", name, "does not list " p); return }
}
# statement.sshsig in its one spelling -> its key and signature in hex; "" if that is not what it is.
function sshsig(  X, n, i, b, h, head) {
  SSHKEY = SSHSIG = ""
  if (textproblem("statement.sshsig", 1) != "") return
  n = lines("statement.sshsig", X)
  if (X[1] != "-----BEGIN SSH SIGNATURE-----" || X[n] != "-----END SSH SIGNATURE-----") return
  b = ""
  for (i = 2; i < n; i++) { if (length(X[i]) > 70 || X[i] == "" || i < n - 1 && length(X[i]) != 70) return; b = b X[i] }
  if (!b64ok(b)) return
  h = b64hex(b)
  # "SSHSIG" || u32 1 || S(S("ssh-ed25519") || S(key)) || S(namespace) || S("") || S("sha512") || S(S("ssh-ed25519") || S(signature))
  head = "535348534947" "00000001" "00000033" "0000000b" texthex("ssh-ed25519") "00000020"
  i = length(head) + 1
  if (substr(h, 1, i - 1) != head) return
  SSHKEY = substr(h, i, 64)
  head = SSHNAMED "00000053" "0000000b" texthex("ssh-ed25519") "00000040"
  if (substr(h, i + 64, length(head)) != head || length(h) != i + 63 + length(head) + 128) { SSHKEY = ""; return }
  SSHSIG = substr(h, i + 64 + length(head))
}
function bundle(  e, i, r, p, q, o, k, n, good, pub, l, m, z, x, v, shown, hidden, sound, first, hit, t, a) {
  UNLISTED["statement.json"] = UNLISTED["statement.sig"] = UNLISTED["statement.sshsig"] = 1
  UNLISTED["tagmanifest-sha256.txt"] = UNLISTED["tagmanifest-sha512.txt"] = 1
  listing()
  if (BAD) return
  e = "missing"
  if ("statement.json" in THERE) e = readstatement()
  if (e != "") {
    for (p in UNLISTED) if (!(p in THERE)) f("D", "B-MISSING", p, "is missing")
    if ("statement.json" in THERE) f("D", "B-STATEMENT-FORM", "statement.json", "is not a valid statement: " e)
    return
  }
  checkfiles()
  # rule 5: read the receipts whose bytes are those of the statement
  for (i = 1; i <= SIN; i++) {
    r = SIREC[i]
    if (!(r in GOOD) || (r in RNUM)) continue
    if (r !~ /^receipts\/[A-Za-z0-9._-]*[.]txt$/) { if ((r in LISTED) && r ~ /^receipts\//) f("U", "V-NAME", r, "a receipt of this name can't be read here"); continue }
    RNUM[r] = ++NR_; k = r; gsub(/\//, "+", k)
    receipt(NR_, k)
  }
  SSHNAMED = u32(length(NAMESPACE)) texthex(NAMESPACE) "00000000" "00000006" texthex("sha512")
  if ("statement.sshsig" in THERE) sshsig()
  hash()
  for (r = 1; r <= NR_; r++) prepare(r)
  preparetrust()
  z = 0
  for (r = 1; r <= NR_; r++) if (RERR[r] == "" && RZERO[r]) { z = RZERO[r]; break }
  pub = ""
  if (z) for (i = 0; i < ZN[z]; i++) if (ZROLE[z, i] == "statements" && SUM[ZID[z, i]] == SKEY) pub = ZPUB[z, i]
  startkeysall(z)
  if (pub == "") pub = statementpub(z)
  if (pub != "") {
    m = textmessage(STEXT)
    getline l < "sigbytes"; close("sigbytes")
    SSIG = length(l) == 128 ? sign("ed25519", pub, m, l) : 0
    if (SSHSIG != "") SSSH = sign("ed25519", pub, message("535348534947" SSHNAMED "00000040" S512["statement.json"]), SSHSIG)
  }
  check(); stamp(); prove()
  judgetrust()
  for (r = 1; r <= NR_; r++) { for (p in RNUM) if (RNUM[p] == r) break; judge(r, p ", ") }
  # rule 3
  first = 0; sound = SIN > 0 && NR_ > 0
  for (r = 1; r <= NR_; r++) if (RJZERO[r]) { first = RJZERO[r]; firstkeys = "k" r; break }
  GENUINE = 0
  if (!first) f("U", "B-NO-ENTRY-ZERO", "statement.json", "no receipt shows which keys the vault has")
  else if (pub == "") f("D", "B-STATEMENT-KEY", "statement.json", "key " SKEY " is not one that the vault names for statements")
  else if (inforce(firstkeys, "statements", SKEY, SXINDEX + 0) != 1) f("D", "B-STATEMENT-INTERVAL", "statement.json", "the statements key " SKEY " did not count when this bundle was exported")
  else {
    v = SSIG ? ANSWER[SSIG] : "no"
    if ("statement.sig" in THERE) {
      if (v == "no") f("D", "B-STATEMENT-SIGNATURE", "statement.sig", "the statement and its signature do not belong together")
      else if (v != "yes") f("U", "V-TOOL", "statement.sig", "openssl could not check it")
      else { GENUINE = 1; GOOD["statement.json"] = GOOD["statement.sig"] = 1; f("M", "B-STATEMENT-OK", "statement.json", "signed by key " SKEY) }
    }
    if ("statement.sshsig" in THERE) {
      if (SSHSIG == "") f("D", "B-SSHSIG", "statement.sshsig", "is not an SSH signature in its one spelling")
      else if (SSHKEY != b64hex(pub)) f("D", "B-SSHSIG", "statement.sshsig", "is by another key than statement.sig")
      else if (ANSWER[SSSH] == "no") f("D", "B-SSHSIG", "statement.sshsig", "does not match the statement")
      else if (ANSWER[SSSH] != "yes") f("U", "V-TOOL", "statement.sshsig", "openssl could not check it")
      else { GOOD["statement.sshsig"] = 1; f("M", "B-SSHSIG-OK", "statement.sshsig", "the same key signed it in the form of ssh-keygen") }
    }
    if (GENUINE && TRUSTED && (o = trustorigin(SORIGIN))) signer(o, "statements", SKEY, SXINDEX + 0, "statement.json")
  }
  # rule 4
  good = BAD; BAD = 0
  if ("manifest-sha256.txt" in THERE) manifest("manifest-sha256.txt", 1, 256)
  if ("manifest-sha512.txt" in THERE) manifest("manifest-sha512.txt", 1, 512)
  if ("tagmanifest-sha256.txt" in THERE) manifest("tagmanifest-sha256.txt", 0, 256)
  if ("tagmanifest-sha512.txt" in THERE) manifest("tagmanifest-sha512.txt", 0, 512)
  if (!BAD) f("M", "B-MANIFESTS-OK", "", "the checksums are right")
  BAD = BAD || good
  # the key files
  if (first) for (p in GOOD) if (p ~ /^keys\//) {
    hit = 0; k = p; gsub(/\//, "+", k)
    n = textproblem(k, 1) == "" ? lines(k, t) : 0
    if (n == 3 && t[1] == "-----BEGIN PUBLIC KEY-----" && t[3] == "-----END PUBLIC KEY-----" && substr(t[2], 1, 16) == "MCowBQYDK2VwAyEA")
      for (i = 1; i <= IN["all"]; i++) if (p == "keys/" IID["all", i] ".pem" && substr(t[2], 17) == IPUB["all", i]) hit = 1
    if (n == 3 && !hit) for (i = 0; i < ZN[first]; i++) if (ZROLE[first, i] != "log-pq" && p == "keys/" SUM[ZID[first, i]] ".pem" && t[2] == "MCowBQYDK2VwAyEA" ZPUB[first, i] && t[1] == "-----BEGIN PUBLIC KEY-----" && t[3] == "-----END PUBLIC KEY-----") hit = 1
    if (!hit) f("D", "B-KEY-FILE", p, "is not a key that the vault names")
  }
  # rule 5: receipts, statement and export agree
  shown = hidden = 0
  for (i = 1; i <= SIN; i++) {
    p = SIREC[i]
    if (!(p in RNUM)) { sound = 0; continue }
    r = RNUM[p]
    if (RERR[r] != "") { sound = 0; continue }
    if (!RGOOD[r]) sound = 0
    other(p, "fingerprint", first ? SUM[ESUM[first]] : "none", RJZERO[r] ? SUM[ESUM[RJZERO[r]]] : "none")
    other(p, "keys", keytext(firstkeys), keytext("k" r))
    other(p, "origin", SORIGIN, RORIGIN[r])
    other(p, "item", SIHOME[i] " " SIID[i], RHOME[r] " " RITEM[r])
    m = RNOTE[r]
    other(p, "checkpoint", SSIZE " " SROOT, MERR[m] == "" ? MSIZE[m] " " MROOT[m] : "none")
    other(p, "last_seq", SISEQ[i], RLAST[r])
    l = RLEAF[r, RNE[r]]
    if (EERR[l] != "") continue
    other(p, "exported", SXINDEX " " SXLEAF, RINDEX[r, RNE[r]] " " SUM[ESUM[l]])
    if (ETYPE[l] != "exported") { f("D", "B-NOT-EXPORTED", p, "the last entry must be the export of this bundle"); continue }
    claim(r, p, "bundle_id", "\"" SID "\""); claim(r, p, "counts", SRAWCOUNTS); claim(r, p, "proofs", SRAWPROOFS)
    claim(r, p, "payload_manifest", "\"" SFS[LISTED["manifest-sha256.txt"]] "\"")
    shown += RSHOW[r]; hidden += RHIDE[r]
  }
  if (sound) f("M", "B-RECEIPTS-OK", "", SIN " receipts are right")
  else f("U", "B-COUNTS-UNCHECKED", "", "fields were not counted, because not every receipt is right")
  n = 0
  for (i = 1; i <= SIN; i++) {
    if (SIWITH[i]) n++
    if (!SIHASPAY[i]) continue
    p = SIPAY[i]
    if (!(p in GOOD) || !(SIREC[i] in RNUM) || RERR[RNUM[SIREC[i]]] != "") { f("U", "B-PAYLOAD-UNCHECKED", p, "could not be compared"); continue }
    r = RNUM[SIREC[i]]; q = "copies/" SIID[i] ".json"; content(r, p, S256[p], S512[p], SIZE[p], q in LISTED ? q : "")
    if (COPYOF) copystatement(r, SIID[i])
  }
  for (i = 1; i <= SFN; i++) if (SFP[i] ~ /^copies\// && !(SFP[i] in ABOUTCOPY)) f("D", "B-ITEM", SFP[i], "is about no share copy")
  # rule 6
  rows(); indexcsv()
  number("chosen", SIN); number("exported", SIN - n); number("withheld", n)
  if (sound) { number("fields_shown", shown); number("fields_withheld", hidden) }
  if (ENVIRON["EV_EXPECT"] == "") f("I", "B-NOT-EXPECTED", SID, "no bundle id was given to compare; this is the bundle's")
  else if (ENVIRON["EV_EXPECT"] == SID) f("M", "B-EXPECTED-OK", SID, "is the bundle that was announced")
  else f("D", "B-EXPECTED", SID, "is not the bundle that was announced")
  if (first && (!TRUSTED || sound && GENUINE)) reportwho(SORIGIN, SUM[ESUM[first]])
}
function u32(n) { return X2[int(n / 16777216) % 256] X2[int(n / 65536) % 256] X2[int(n / 256) % 256] X2[n % 256] }
# All keys that any receipt names, for the statement and the key files.
function startkeysall(z,  r, e, l, k, i) {
  IN["all"] = 0
  for (r = 1; r <= NR_; r++) {
    k = "p" r
    for (i = 1; i <= IN[k]; i++) {
      if ((IROLE[k, i], IPUB[k, i]) in ALLSEEN) continue
      ALLSEEN[IROLE[k, i], IPUB[k, i]] = 1
      e = ++IN["all"]; IROLE["all", e] = IROLE[k, i]; IID["all", e] = IID[k, i]; IPUB["all", e] = IPUB[k, i]
    }
  }
}
function keytext(s,  i, o) { o = ""; for (i = 1; i <= IN[s]; i++) o = o IROLE[s, i] " " IID[s, i] " " IFROM[s, i] " " IUNTIL[s, i] "; "; return o }
function statementpub(z,  r, i) { for (i = 1; i <= IN["all"]; i++) if (IROLE["all", i] == "statements" && IID["all", i] == SKEY) return IPUB["all", i]; return "" }
function other(p, what, want, got) { if (want "" != got "") f("D", "B-RECEIPT-OTHER", p, "does not belong to this bundle: " what " expected " want ", found " got) }
function claim(r, p, name, want,  e) {
  e = RNE[r]
  if (!((r SUBSEP e SUBSEP name) in RVALUE)) f("D", "B-EXPORTED-HIDDEN", p, "the logged export does not reveal " name)
  else if (RVALUE[r, e, name] != want) f("D", "B-EXPORTED-OTHER", p, "the logged export states another " name " than the bundle")
}
function number(what, n) { if (SCOUNT[what] != n "") f("D", "B-COUNT", what, "the number is wrong: " SCOUNT[what] " stated, " n " found") }
function same(r, e, w, g,  i) {
  for (i = 1; i <= 3; i++) if (!((r SUBSEP e SUBSEP w[i]) in RVALUE) || RVALUE[r, e, w[i]] != "\"" g[i] "\"") return 0
  return 1
}
# A share copy comes with the statement on how it was made, the one that was logged; entry and
# statement must say what they must of this copy, and of this item's original.
function copystatement(r, id,  p, v, e, l, a, q, i, w, o) {
  p = "copies/" id ".json"; ABOUTCOPY[p] = 1
  if (!(p in GOOD)) { f("U", "B-COPY-STATEMENT-MISSING", p, "the statement on how the share copy was made could not be read"); return }
  o = 0
  for (i = split("statement kind parent", w, " "); i > 0; i--) if (!((r SUBSEP COPYOF SUBSEP w[i]) in RVALUE)) { o = 1; f("U", "R-FILE-WITHHELD", p, "the field " w[i] " is withheld, so the file can't be compared with it") }
  if (o) return
  v = RVALUE[r, COPYOF, "statement"]
  if (v !~ ("\"sha256\":\"" S256[p] "\"}$")) { f("D", "B-COPY-STATEMENT", p, "is not the statement that was logged"); return }
  for (e = 1; e <= RNE[r]; e++) if (EERR[RLEAF[r, e]] == "" && arrival(ETYPE[RLEAF[r, e]])) break
  if (e > RNE[r]) return
  a = RLEAF[r, e]; q = "c" r; i = stripstatement(id, q)
  if (i != "") { f("D", "B-COPY-STATEMENT-FORM", p, "is no statement on how a share copy was made: " i); return }
  copyclaim(p, "kind", "\"share-copy\"", RVALUE[r, COPYOF, "kind"])
  copyclaim(p, "parent", "{\"commitment\":\"" SD[a, "content_sha256"] "\",\"field\":\"content_sha256\",\"seq\":" RSEQ[r, e] "}", RVALUE[r, COPYOF, "parent"])
  copyclaim(p, "outcome", "{\"outcome\":\"clean\",\"sha256\":\"" S256[p] "\"}", v)
  copyclaim(p, "outcome of the statement", "\"clean\"", V[q "\toutcome"])
  copyclaim(p, "copy of the statement", RVALUE[r, COPYOF, "content_sha256"] " " RVALUE[r, COPYOF, "content_sha512"] " " RVALUE[r, COPYOF, "content_size"], V[q "\tcopy\tsha256"] " " V[q "\tcopy\tsha512"] " \"" V[q "\tcopy\tsize"] "\"")
  copyclaim(p, "original of the statement", RHOME[r] " " RITEM[r], text(q "\toriginal\thome") " " text(q "\toriginal\titem"))
  if (ETYPE[a] != "ingested") f("I", "B-COPY-ELSEWHERE", p, "it was taken over from another archive; that its statement names the original by the commitments of that log is not shown here")
  else copyclaim(p, "commitments of the statement", RSEQ[r, e] " \"" SD[a, "content_sha256"] "\" \"" SD[a, "content_sha512"] "\"", V[q "\toriginal\tseq"] " " V[q "\toriginal\tcommitments\tcontent_sha256"] " " V[q "\toriginal\tcommitments\tcontent_sha512"])
}
function copyclaim(p, what, want, got) { if (want "" != got "") f("D", "B-COPY-CLAIM", p, "the archive says something else of this share copy than it must: " what " expected " want ", found " got) }
# A statement in V, K, N below q (docs/format-derivative.md). Returns what is wrong.
function stripstatement(id, q,  name, l, e) {
  name = "copies+" id ".json"
  e = textproblem(name, 0)
  if (e != "") return e
  if ((getline l < ("in/" name)) < 1 || (getline e < ("in/" name)) > 0) { close("in/" name); return "more than one line" }
  close("in/" name)
  e = json(l, q, 60)
  if (e != "") return "not canonical JSON: " e
  if (!members(q, "also_in_content copy decoded embedded format kept kind original outcome reasons removed residual structures tools v")) return "other members"
  if (V[q "\tkind"] != "\"evidence-vault/strip-statement\"") return "another kind"
  e = q "\toriginal"
  if (!members(e, "commitments home item seq") || !isstr(e "\thome") || !isstr(e "\titem") || !isint(e "\tseq")) return "original is malformed"
  if (!members(e "\tcommitments", "content_sha256 content_sha512") || !ishex(e "\tcommitments\tcontent_sha256", 64) || !ishex(e "\tcommitments\tcontent_sha512", 64)) return "commitments must be two digests"
  return stripreport(q, 0)
}
function stripreport(q, level,  i, n, w, e, o) {
  if (level > 8) return "embedded too deeply"
  if (level && !members(q, "also_in_content copy decoded embedded format kept outcome reasons removed residual structures tools v")) return "other members"
  if (V[q "\tv"] != "1") return "another version"
  o = V[q "\toutcome"]
  if (o != "\"clean\"" && o != "\"not-clean\"" && o != "\"not-checked\"") return "an unknown outcome"
  for (i = split("also_in_content reasons structures", w, " "); i > 0; i--) if (!texts(q "\t" w[i])) return w[i] " must be a list of texts"
  if (!isstr(q "\tformat")) return "format must be text"
  if (!((q "\tkept") in N) || !((q "\tremoved") in N) || !((q "\ttools") in N) || !((q "\tembedded") in N)) return "kept, removed, tools and embedded must be lists"
  for (i = 0; i < N[q "\tkept"]; i++) { e = q "\tkept\t" i; if (!members(e, "name why") || !isstr(e "\tname") || !isstr(e "\twhy")) return "kept is malformed" }
  for (i = 0; i < N[q "\tremoved"]; i++) { e = q "\tremoved\t" i; if (!members(e, "count name") || !iscount(e "\tcount") || !isstr(e "\tname")) return "removed is malformed" }
  for (i = 0; i < N[q "\ttools"]; i++) if (!striptool(q "\ttools\t" i)) return "tools is malformed"
  for (i = 0; i < N[q "\tembedded"]; i++) {
    e = q "\tembedded\t" i
    if (!members(e, "name report") || !isstr(e "\tname")) return "embedded is malformed"
    n = stripreport(e "\treport", level + 1)
    if (n != "") return n
    if (o == "\"clean\"" && V[e "\treport\toutcome"] != "\"clean\"") return "clean around what is not"
  }
  e = q "\tdecoded"
  if (!members(e, "identical method what") || !isstr(e "\tmethod") || !isstr(e "\twhat") || V[e "\tidentical"] !~ /^"(yes|no|not-comparable)"$/) return "decoded is malformed"
  e = q "\tresidual"
  if (e in K) {
    if (!members(e, "exiftool search second") || !members(e "\texiftool", "found tool") || !members(e "\tsecond", "found tool") || !striptool(e "\texiftool\ttool") || !striptool(e "\tsecond\ttool")) return "residual must have three looks"
    if (!members(e "\tsearch", "bytes forms found patterns values") || !texts(e "\tsearch\tforms")) return "residual must have three looks"
    for (i = split("bytes patterns values", w, " "); i > 0; i--) if (!iscount(e "\tsearch\t" w[i])) return "residual must have three looks"
    for (i = split("exiftool search second", w, " "); i > 0; i--) if (!texts(e "\t" w[i] "\tfound")) return "residual must have three looks"
  } else if (V[e] != "null") return "residual must have three looks"
  e = q "\tcopy"
  if (e in K) { if (!members(e, "sha256 sha512 size") || !ishex(e "\tsha256", 64) || !ishex(e "\tsha512", 128) || !iscount(e "\tsize")) return "copy is malformed" }
  else if (V[e] != "null") return "copy is malformed"
  if (o != "\"clean\"") return ""
  if (!((q "\tcopy") in K) || !((q "\tresidual") in K)) return "clean without a copy and three looks"
  if (V[q "\tdecoded\tidentical"] != "\"yes\"") return "clean without the same content"
  e = q "\tresidual\t"
  if (N[e "exiftool\tfound"] || N[e "search\tfound"] || N[e "second\tfound"]) return "clean, and yet a look found something"
  return N[q "\treasons"] ? "clean, and yet with reasons against it" : ""
}
function texts(q,  i) {
  if (!(q in N)) return 0
  for (i = 0; i < N[q]; i++) if (!isstr(q "\t" i)) return 0
  return 1
}
function striptool(q) { return members(q, "name parameters version") && isstr(q "\tname") && isstr(q "\tversion") && texts(q "\tparameters") }
# The file against the digests that the arrival of its item commits to, or the making of its copy.
# copyfile: the statement on a copy that a bundle lists for this item; then the file is said to be a
# copy, and an original with the same bytes is not meant.
function content(r, p, a, b, c, copyfile,  e, k, n, i, w, g) {
  split("content_sha256 content_sha512 content_size", w, " "); g[1] = a; g[2] = b; g[3] = c
  COPYOF = 0
  if (RITEM[r] == "") { f("U", "R-FILE-NO-INGEST", p, "no entry states the digests of a file"); return }
  if (copyfile != "") {
    n = 0
    for (k = 1; k <= RNE[r]; k++) if (EERR[RLEAF[r, k]] == "" && ETYPE[RLEAF[r, k]] == "derived" && same(r, k, w, g)) {
      i = RVALUE[r, k, "statement"] ~ ("\"sha256\":\"" S256[copyfile] "\"}$")
      if (i || !n) { COPYOF = k; n = n || i }
    }
    if (COPYOF) { f("M", "R-COPY-OK", p, "is NOT the original: it is the copy made from it by entry " RINDEX[r, COPYOF]); return }
  }
  for (e = 1; e <= RNE[r]; e++) if (EERR[RLEAF[r, e]] == "" && arrival(ETYPE[RLEAF[r, e]])) break
  if (e > RNE[r] || !same(r, e, w, g)) {
    for (k = 1; k <= RNE[r]; k++) if (EERR[RLEAF[r, k]] == "" && ETYPE[RLEAF[r, k]] == "derived" && same(r, k, w, g)) break
    if (k <= RNE[r]) { COPYOF = k; f("M", "R-COPY-OK", p, "is NOT the original: it is the copy made from it by entry " RINDEX[r, k]); return }
  }
  if (e > RNE[r]) { f("U", "R-FILE-NO-INGEST", p, "no entry states the digests of a file"); return }
  n = 0
  for (i = 1; i <= 3; i++) {
    k = r SUBSEP e SUBSEP w[i]
    if (!(k in RVALUE)) f("U", "R-FILE-WITHHELD", p, "the field " w[i] " is withheld, so the file can't be compared with it")
    else if (RVALUE[k] != "\"" g[i] "\"") f("D", "R-FILE-CHANGED", p, "is not the one that was taken in: " w[i] " expected " RVALUE[k] ", found " g[i])
    else n++
  }
  if (n == 3) f("M", "R-FILE-OK", p, "SHA-256, SHA-512 and size are those of the file taken in")
}
function rows(  i, p, pay, rec) {
  for (i = 1; i <= SIN; i++) {
    if (!(SIREC[i] in LISTED) || SIREC[i] !~ /^receipts\//) f("D", "B-ITEM", SIID[i], "its receipt is not in the bundle")
    else if (SIHASPAY[i] && (!(SIPAY[i] in LISTED) || SIPAY[i] !~ /^data\//)) f("D", "B-ITEM", SIID[i], "its original is not in the bundle")
    else if (SIWITH[i] && SIHASPAY[i]) f("D", "B-ITEM", SIID[i], "withheld, and yet its original is there")
    if (SIHASPAY[i]) { if (SIPAY[i] in pay) f("D", "B-ITEM", "payload", "named by two items"); pay[SIPAY[i]] = 1 }
    if (SIREC[i] in rec) f("D", "B-ITEM", "receipt", "named by two items")
    rec[SIREC[i]] = 1
  }
  for (i = 1; i <= SFN; i++) { p = SFP[i]; if (p ~ /^(data|receipts)\// && !(p in pay) && !(p in rec)) f("D", "B-ITEM", p, "belongs to no item") }
}
function cells(l, a,  n, i, c) { # RFC 4180, quoted only where needed; 0 if not
  n = 0
  for (;;) {
    if (substr(l, 1, 1) == "\"") {
      c = ""; l = substr(l, 2)
      for (;;) {
        i = index(l, "\""); if (!i) return 0
        c = c substr(l, 1, i - 1); l = substr(l, i + 1)
        if (substr(l, 1, 1) != "\"") break
        c = c "\""; l = substr(l, 2)
      }
      if (c !~ /[",]/) return 0
    } else { i = index(l ",", ","); c = substr(l, 1, i - 1); l = substr(l, i); if (c ~ /"/) return 0 }
    a[++n] = c
    if (l == "") return n
    if (substr(l, 1, 1) != ",") return 0
    l = substr(l, 2)
  }
}
function indexcsv(  X, n, i, a, e) {
  if (!("index.csv" in GOOD)) return
  e = textproblem("index.csv", 1)
  if (e != "") { f("D", "B-INDEX", "index.csv", e); return }
  n = lines("index.csv", X)
  for (i = 1; i <= n; i++) if (!utf8(X[i])) { f("D", "B-INDEX", "index.csv", "not a table"); return }
  if (X[1] != "item,home,outcome,reason,original,receipt" || n != SIN + 2 || X[n] != "TOTAL," SCOUNT["chosen"] ",exported," SCOUNT["exported"] ",withheld," SCOUNT["withheld"]) { f("D", "B-INDEX", "index.csv", "its heading or total is not that of the statement"); return }
  for (i = 1; i <= SIN; i++) {
    split("", a)
    if (cells(X[i + 1], a) != 6) { f("D", "B-INDEX", "index.csv", "not a table"); return }
    if (a[1] != SIID[i] || a[2] != (SIHOME[i] ~ /^[=@-]/ ? "'" : "") SIHOME[i] || a[3] != (SIWITH[i] ? "withheld" : "exported")) { f("D", "B-INDEX", "index.csv", "its line for " SIID[i] " is not that of the statement"); return }
  }
}
function reportwho(o, fp,  t) {
  if (!TRUSTED) { f("U", "W-NO-TRUST", o, "no trust file was given (-t). Compare the fingerprint of the vault with the archive by another channel: " fp); return }
  t = trustorigin(o)
  if (t && !WHOBAD) f("M", "W-OK", o, "the keys are those of the trust file, as of size " TSIZE[t])
}
function stamp(  l, a) {
  if (!STAMPING) return
  close("stampjobs"); hash()
  system("sh ./stamps")
  while ((getline l < "stamped") > 0) { split(l, a, " "); STAMPED[a[1]] = a[2]; STAMPTIME[a[1]] = a[3]; if (a[2] == "yes") TIMESTAMPED = 1 }
  close("stamped")
  STAMPING = 0
}
BEGIN {
  setup()
  NAMESPACE = "evidence-vault-statement@v1"
  while ((getline L < "meta") > 0) { split(L, P_, " "); META[P_[1]] = P_[2] " " P_[3] " " P_[4] }
  close("meta")
  TRUSTED = "trust" in META
  if (TRUSTED) {
    readtrust()
    if (TRUSTBAD) finish()
  }
  if (ENVIRON["EV_MODE"] == "bundle") { bundle(); finish() }
  receipt(1, "receipt"); NR_ = 1
  hash(); prepare(1); preparetrust(); check(); stamp(); prove()
  judgetrust(); judge(1, "")
  if (RERR[1] == "") {
    if (RGOOD[1]) {
      f("M", "R-ENTRY-ZERO-OK", "", "the first entry is signed by the root key; fingerprint " SUM[ESUM[RJZERO[1]]])
      f("M", "R-SIGNATURES-OK", "", RNE[1] " entries are signed by keys of this vault and stand in the log of " MSIZE[RNOTE[1]] " entries")
      if (RITEM[1] != "") f("M", "R-HISTORY-OK", RITEM[1], "the entries follow each other without a gap")
      f("M", "R-FIELDS-OK", "", RSHOW[1] " revealed fields are right; " RHIDE[1] " are withheld")
    }
    if ((getline L < "filesums") > 0) { split(L, P_, " "); content(1, RITEM[1], P_[1], P_[2], P_[3], "") }
    else f("I", "V-NO-FILE", "", "no file was given; nothing is said about any file")
    if (RJZERO[1]) reportwho(RORIGIN[1], SUM[ESUM[RJZERO[1]]])
  }
  finish()
}
EOF
: > bytes; : > leaves; : > jobs; : > stampjobs; : > roots
awk -f lib.awk -f entry.awk -f receipt.awk -f trust.awk -f bundle.awk
STATUS=$?
case $STATUS in
  0|3|10|11) ;;
  *) printf '%s\n' "RESULT: COULD NOT BE CHECKED: the program failed"; STATUS=3;;
esac
printf '%s\n' "This does not prove that nothing follows in an item's history, that the content is true, or who made it."
exit $STATUS
