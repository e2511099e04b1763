// Command cosigned opens a checkpoint with the note library of the Go checksum database.
//
// Usage: cosigned NOTE LOGVKEY COSIGNERVKEY...
//
// LOGVKEY is an Ed25519 key of type 0x01, each COSIGNERVKEY one of type 0x04 (C2SP cosignature/v1),
// for which a note.Verifier is made here. Lines by other keys (ML-DSA) are ignored as unknown, as
// the specification demands. It prints "ok" and the name and time of each cosignature, or fails.
package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io/ioutil"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
	time uint64
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.hash }

func (c *cosigner) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	c.time = binary.BigEndian.Uint64(sig)
	signed := fmt.Sprintf("cosignature/v1\ntime %d\n%s", c.time, msg)
	return c.time != 0 && ed25519.Verify(c.key, []byte(signed), sig[8:])
}

func parse(vkey string) (*cosigner, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, fmt.Errorf("not a verifier key: %q", vkey)
	}
	blob, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(blob) != 1+ed25519.PublicKeySize || blob[0] != 4 {
		return nil, fmt.Errorf("not a key of type 0x04: %q", vkey)
	}
	id := sha256.Sum256(append([]byte(parts[0]+"\n"), blob...))
	hash := binary.BigEndian.Uint32(id[:4])
	if fmt.Sprintf("%08x", hash) != parts[1] {
		return nil, fmt.Errorf("another key ID: %q", vkey)
	}
	return &cosigner{parts[0], hash, ed25519.PublicKey(blob[1:]), 0}, nil
}

func run(args []string) error {
	data, err := ioutil.ReadFile(args[0])
	if err != nil {
		return err
	}
	log, err := note.NewVerifier(args[1])
	if err != nil {
		return err
	}
	verifiers := []note.Verifier{log}
	for _, vkey := range args[2:] {
		c, err := parse(vkey)
		if err != nil {
			return err
		}
		verifiers = append(verifiers, c)
	}
	opened, err := note.Open(data, note.VerifierList(verifiers...))
	if err != nil {
		return err
	}
	if len(opened.Sigs) != len(verifiers) {
		return fmt.Errorf("%d of %d keys signed", len(opened.Sigs), len(verifiers))
	}
	fmt.Println("ok")
	for _, v := range verifiers[1:] {
		fmt.Println(v.Name(), v.(*cosigner).time)
	}
	return nil
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
