#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes client certificates that must be refused, and one that must be accepted, for tests. See README.md.
#
# Usage: make-negative.sh DIR [CA.crt CA.key [COMMON-NAME]]
#   DIR          is made if needed; every NAME.crt and NAME.key goes there
#   CA.crt/key   the authority that a listener trusts for its clients; without it one is made (DIR/ca.crt, DIR/ca.key)
#   COMMON-NAME  of every certificate (default: admin); letters, digits, hyphens
set -euo pipefail
umask 077

if [ $# -lt 1 ] || [ $# -eq 2 ] || [ $# -gt 4 ]; then
        sed -n '5,8s/^# \{0,1\}//p' "$0" >&2
        exit 2
fi
dir=$1
name=${4:-admin}
case $name in
*[!A-Za-z0-9-]* | '')
        echo "make-negative.sh: \"$name\": a common name of letters, digits and hyphens is needed" >&2
        exit 2
        ;;
esac
mkdir -p "$dir"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

new_key() { # FILE [rsa]
        if [ "${2-}" = rsa ]; then
                openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$1" 2>/dev/null
        else
                openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"
        fi
}

new_ca() { # CRT KEY COMMON-NAME
        new_key "$2"
        openssl req -new -x509 -config "$work/ca.cnf" -extensions authority -key "$2" -subj "/CN=$3" -days 30 \
                -sha256 -out "$1"
}

cat >"$work/ca.cnf" <<CONF
[req]
distinguished_name = nothing
prompt = no
[nothing]
[ca]
default_ca = here
[here]
database = $work/index
new_certs_dir = $work
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
preserve = yes
[any]
commonName = optional
organizationName = optional
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[client]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
CONF
: >"$work/index"

if [ $# -ge 3 ]; then
        ca_crt=$2
        ca_key=$3
else
        ca_crt=$dir/ca.crt
        ca_key=$dir/ca.key
        new_ca "$ca_crt" "$ca_key" 'Test client CA'
fi
new_ca "$work/other.crt" "$work/other.key" 'Test client CA of somebody else'

begin=$(date -u -d '-1 day' +%Y%m%d%H%M%SZ)
end=$(date -u -d '+7 days' +%Y%m%d%H%M%SZ)

issue() { # NAME SUBJECT EXTENSIONS BEGIN END [option of openssl ca…]
        local out=$dir/$1 subject=$2 extensions=$3 from=$4 to=$5
        shift 5
        [ -e "$out.key" ] || new_key "$out.key"
        openssl req -new -config "$work/ca.cnf" -key "$out.key" -subj "$subject" -out "$work/csr"
        openssl ca -batch -notext -config "$work/ca.cnf" -cert "$ca_crt" -keyfile "$ca_key" -extensions "$extensions" \
                -startdate "$from" -enddate "$to" -in "$work/csr" -out "$out.crt" "$@" 2>"$work/log" ||
                { cat "$work/log" >&2 && exit 1; }
}

issue good "/CN=$name" client "$begin" "$end"
issue other-ca "/CN=$name" client "$begin" "$end" -cert "$work/other.crt" -keyfile "$work/other.key"
issue expired "/CN=$name" client 20200101000000Z 20200201000000Z
issue not-yet-valid "/CN=$name" client 20990101000000Z 20990201000000Z
issue wrong-eku "/CN=$name" server "$begin" "$end"
issue two-names "/CN=$name/CN=somebody-else" client "$begin" "$end"
issue no-name '/O=nobody' client "$begin" "$end"
issue sha1 "/CN=$name" client "$begin" "$end" -md sha1
new_key "$dir/rsa.key" rsa
issue rsa "/CN=$name" client "$begin" "$end"

# Signed by nobody but itself.
new_key "$dir/self-signed.key"
openssl req -new -x509 -config "$work/ca.cnf" -extensions client -key "$dir/self-signed.key" -subj "/CN=$name" -days 7 \
        -sha256 -out "$dir/self-signed.crt" 2>/dev/null ||
        { echo 'make-negative.sh: the self-signed certificate could not be made' >&2 && exit 1; }

# A NUL inside the common name: C code that stops there reads "$name". No tool writes such a name, so a certificate with
# another byte in that place is bent and signed again. The signature must come out as long as the one it replaces.
issue nul-in-cn "/CN=$name@somebody-else" client "$begin" "$end"
openssl x509 -in "$dir/nul-in-cn.crt" -outform DER -out "$work/cert.der"
# Lines of asn1parse: the certificate, then the part that is signed, at its first level the algorithm and the signature.
read -r tbs_at tbs_head tbs_len < <(openssl asn1parse -inform DER -in "$work/cert.der" |
        sed -n '2s/^ *\([0-9]*\):d=1 *hl=\([0-9]*\) *l= *\([0-9]*\).*/\1 \2 \3/p')
tbs_size=$((tbs_head + tbs_len))
read -r sig_at sig_head sig_len < <(openssl asn1parse -inform DER -in "$work/cert.der" |
        sed -n 's/^ *\([0-9]*\):d=1 *hl=\([0-9]*\) *l= *\([0-9]*\) prim: BIT STRING.*/\1 \2 \3/p' | tail -n 1)
tail -c "+$((tbs_at + 1))" "$work/cert.der" | head -c "$tbs_size" |
        LC_ALL=C sed "s/$name@somebody-else/$name\\x00somebody-else/" >"$work/tbs"
[ "$(wc -c <"$work/tbs")" -eq "$tbs_size" ]
for _ in $(seq 200); do
        openssl dgst -sha256 -sign "$ca_key" -out "$work/sig" "$work/tbs"
        [ "$(wc -c <"$work/sig")" -ne $((sig_len - 1)) ] || break
done
[ "$(wc -c <"$work/sig")" -eq $((sig_len - 1)) ]
{
        head -c "$tbs_at" "$work/cert.der"
        cat "$work/tbs"
        tail -c "+$((tbs_at + tbs_size + 1))" "$work/cert.der" | head -c "$((sig_at - tbs_at - tbs_size + sig_head + 1))"
        cat "$work/sig"
} >"$work/bent.der"
openssl x509 -inform DER -in "$work/bent.der" -out "$dir/nul-in-cn.crt"
