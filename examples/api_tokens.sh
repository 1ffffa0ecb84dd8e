set -eu
SITE=${SITE:-http://127.0.0.1:8000} EMAIL=${EMAIL:-ann@example.org}
PASSWORD=${PASSWORD:-a ferry leaves at seven}
field() { sed -E "s/.*\"$1\":\"([^\"]*)\".*/\1/"; }       # of the JSON on standard input
status() { curl -s -o /dev/null -w '%{http_code}\n' "$@"; }
JSON='Content-Type: application/json'

# A program logs in: an access token for 15 minutes, and a refresh token for 30 days.
TOKENS=$(curl -sf "$SITE/token" -H "$JSON" -d "{\"email\": \"$EMAIL\", \"password\": \"$PASSWORD\"}")
ACCESS=$(echo "$TOKENS" | field authentication_token) REFRESH=$(echo "$TOKENS" | field refresh_token)

# It shows the access token with its requests.
curl -sf "$SITE/me" -H "Authorization: Bearer $ACCESS"                     # Hello, ann@example.org!
curl -sf "$SITE/whoami" -H "Authentication-Token: $ACCESS"                 # The token is about …
curl -sf "$SITE/payout" -H "Authorization: Bearer $ACCESS" -X POST         # Paid out.
status "$SITE/me" -H "Authorization: Bearer ${ACCESS}x"                    # 401
status "$SITE/me" -H "Authorization: Bearer $REFRESH"                      # 401

# A token of another kind, to hand on: it opens one file, and nothing else.
DOWNLOAD=$(curl -sf "$SITE/files/report.pdf/token" -H "Authorization: Bearer $ACCESS" -X POST)
curl -sf "$SITE/files/report.pdf" -H "Authorization: Bearer $DOWNLOAD"     # report.pdf, pages 1 to 4
status "$SITE/me" -H "Authorization: Bearer $DOWNLOAD"                     # 401

# The refresh token is good once. Its successor comes with the next access token.
NEXT=$(curl -sf "$SITE/refresh-token" -H "$JSON" -d "{\"refresh_token\": \"$REFRESH\"}")
ACCESS=$(echo "$NEXT" | field authentication_token)
curl -sf "$SITE/me" -H "Authorization: Bearer $ACCESS"                     # Hello, ann@example.org!

# Used again it is a copy: the program is logged out, its access token included.
status "$SITE/refresh-token" -H "$JSON" -d "{\"refresh_token\": \"$REFRESH\"}"   # 400
status "$SITE/me" -H "Authorization: Bearer $ACCESS"                       # 401

# A person logs in with a browser, which keeps cookies, and makes a token for a program of theirs.
JAR=$(mktemp)
CSRF=$(curl -sf -c "$JAR" "$SITE/login" -H 'Accept: application/json' | field csrf_token)
CSRF=$(curl -sf -b "$JAR" -c "$JAR" "$SITE/login" -H "$JSON" -H "X-XSRF-Token: $CSRF" \
    -d "{\"email\": \"$EMAIL\", \"password\": \"$PASSWORD\"}" | field csrf_token)
PERSONAL=$(curl -sf -b "$JAR" "$SITE/personal-tokens" -H "$JSON" -H "X-XSRF-Token: $CSRF" \
    -d "{\"name\": \"Nightly $(date +%s)\", \"scopes\": [\"reports:read\"]}" | field token)
curl -sf "$SITE/reports" -H "Authorization: Bearer $PERSONAL"              # The reports of ann@example.org
status "$SITE/me" -H "Authorization: Bearer $PERSONAL"                     # 401: it names no scope
rm "$JAR"

# Whoever verifies signed tokens elsewhere finds the public keys here.
curl -sf "$SITE/.well-known/paseto-keys"; echo
