#!/usr/bin/env bash
# try-up.sh FOLDER: both servers, for a person to try a vault on; says what to type next.
set -euo pipefail
here=$(dirname "$0")
folder=${1:?usage: try-up.sh FOLDER}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd -P)
"$here/rgw-up.sh" "$folder/rgw" 7480 >/dev/null
"$here/pg-up.sh" "$folder/pg" 24329 >/dev/null
. "$folder/rgw/env"
. "$folder/pg/env"
if [ ! -e "$folder/credentials" ]; then
    umask 077
    cat >"$folder/credentials" <<AWS
[archive]
aws_access_key_id = $S3_ACCESS_KEY
aws_secret_access_key = $S3_SECRET_KEY
[control]
aws_access_key_id = $S3_ALT_ACCESS_KEY
aws_secret_access_key = $S3_ALT_SECRET_KEY
AWS
fi
query="endpoint=$S3_TLS_ENDPOINT&region=$S3_REGION"
cat <<TEXT
Both servers run, on this machine alone, with open test passwords: try things, keep nothing here.

Type this first (credentials are never written into a vault):

  export AWS_SHARED_CREDENTIALS_FILE='$folder/credentials'
  export AWS_CA_BUNDLE='$S3_CA_BUNDLE'
  export PGPASSWORD='$PGPASSWORD'

Places for \`evidence-vault init\`:

  archive    's3://try-archive?$query&profile=archive&lock=governance&days=1'
  control    's3://try-control?$query&profile=control'
  catalogue  'postgresql://$PGUSER@$PGHOST:$PGPORT/$PGDATABASE'

\`make down\` stops them.
TEXT
