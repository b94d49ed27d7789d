#!/bin/sh
# Makes the stores that store_test.go reads. It needs keytool (JDK 17) and
# openssl 3 and writes into its own folder, replacing what is there. The
# certificates live a hundred years. Passwords: the store's is "storepass", the
# key's "keypass" where the format lets them differ, otherwise the same.
set -eu
cd "$(dirname "$0")"
rm -f ./*.p12 ./*.jks ./*.pem ./*.jceks
days=36500
kt() { keytool -noprompt "$@" 2>/dev/null; }
genkey() { # file type alias algorithm-options...
	file=$1 type=$2 alias=$3
	shift 3
	kt -genkeypair -keystore "$file" -storetype "$type" -storepass storepass -alias "$alias" \
		-dname "CN=$alias,OU=TEST,O=CONDUKTOR,L=LONDON,C=UK" -ext SAN=dns:localhost -validity $days "$@"
}

# As modern keytool writes them: PBES2, SHA-256 MAC, Java's trust attribute.
genkey keytool.p12 PKCS12 server -keyalg EC -groupname secp256r1
kt -exportcert -keystore keytool.p12 -storepass storepass -alias server -rfc >server.pem
kt -importcert -keystore trust.p12 -storetype PKCS12 -storepass storepass -alias server -file server.pem
kt -importcert -keystore trust.jks -storetype JKS -storepass storepass -alias server -file server.pem
cp keytool.p12 pkcs12-named.jks

# Real JKS, with a key password of its own; and with a password beyond ASCII.
genkey keytool.jks JKS server -keyalg EC -groupname secp256r1 -keypass keypass
LC_ALL=C.UTF-8 keytool -noprompt -J-Dsun.jnu.encoding=UTF-8 -genkeypair -keystore umlaut.jks -storetype JKS -storepass 'Pässwörter' \
	-keypass 'Schlüssel' -alias server -dname CN=umlaut -validity $days -keyalg EC -groupname secp256r1 2>/dev/null

# Several keys in one file, made in this order.
for name in alpha bravo charlie delta; do
	genkey several.p12 PKCS12 $name -keyalg EC -groupname secp256r1
	genkey several.jks JKS $name -keyalg EC -groupname secp256r1 -keypass storepass
done
# A key, its chain, and a stranger that is trusted.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca-key.pem -out ca.pem -days $days -subj "/O=Postern/CN=Test CA" 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout leaf-key.pem -out leaf.csr -subj "/O=Postern/CN=leaf" 2>/dev/null
printf 'subjectAltName=DNS:localhost\n' >leaf.ext
openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days $days -extfile leaf.ext -out leaf.pem 2>/dev/null
cat leaf.pem ca.pem >chain.pem
openssl pkcs12 -export -inkey leaf-key.pem -in chain.pem -name Leaf -passout pass:storepass -out openssl.p12
cp openssl.p12 mixed.p12
kt -importcert -keystore mixed.p12 -storetype PKCS12 -storepass storepass -alias stranger -file server.pem
kt -importkeystore -srckeystore mixed.p12 -srcstorepass storepass -destkeystore mixed.jks -deststoretype JKS -deststorepass storepass

# The authority twice, in a chain and trusted; two keys of one chain beside it;
# several keys and a trusted certificate.
cp openssl.p12 rooted.p12
kt -importcert -keystore rooted.p12 -storetype PKCS12 -storepass storepass -alias root -file ca.pem
cp rooted.p12 twins.p12
kt -importkeystore -srckeystore openssl.p12 -srcstorepass storepass -srcalias leaf -destalias second -destkeystore twins.p12 -deststorepass storepass
cp several.p12 severalmixed.p12
kt -importcert -keystore severalmixed.p12 -storetype PKCS12 -storepass storepass -alias root -file ca.pem

# What older and other tools write.
legacy="-provider default -provider legacy"
# shellcheck disable=SC2086
openssl pkcs12 -export $legacy -legacy -inkey leaf-key.pem -in chain.pem -name leaf -passout pass:storepass -out rc2.p12
openssl pkcs12 -export -inkey leaf-key.pem -in chain.pem -name leaf -passout pass:storepass -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1 -out 3des.p12
openssl pkcs12 -export -inkey leaf-key.pem -in chain.pem -passout pass:storepass -keypbe AES-128-CBC -certpbe AES-192-CBC -macalg sha512 -out nameless.p12
openssl pkcs12 -export -inkey leaf-key.pem -in chain.pem -passout pass: -keypbe NONE -certpbe NONE -nomac -out open.p12
openssl pkcs12 -export -nokeys -in ca.pem -passout pass:storepass -out unmarked.p12
openssl pkcs12 -export -inkey leaf-key.pem -in leaf.pem -certfile ca.pem -name leaf -passout pass: -out emptypass.p12
openssl pkcs12 -export -inkey leaf-key.pem -in leaf.pem -LMK -passout pass:storepass -out windows.p12
openssl pkcs12 -export -inkey leaf-key.pem -in leaf.pem -certfile server.pem -LMK -passout pass:storepass -out windowsmixed.p12

# Nothing in it.
kt -importcert -keystore empty.p12 -storetype PKCS12 -storepass storepass -alias x -file ca.pem
kt -delete -keystore empty.p12 -storepass storepass -alias x
kt -importcert -keystore empty.jks -storetype JKS -storepass storepass -alias x -file ca.pem
kt -delete -keystore empty.jks -storepass storepass -alias x
genkey other.jceks JCEKS server -keyalg EC -groupname secp256r1 -keypass keypass

# PEM: key and chain in one file, in any order; and the key's encryptions.
cat leaf-key.pem leaf.pem ca.pem >all.pem
cat ca.pem leaf.pem leaf-key.pem >backwards.pem
openssl pkcs8 -topk8 -in leaf-key.pem -passout pass:keypass -v2 aes256 -out enc.pem && cat leaf.pem ca.pem >>enc.pem
openssl pkcs8 -topk8 -in leaf-key.pem -passout pass:keypass -v1 PBE-SHA1-3DES -out enc3des.pem && cat leaf.pem >>enc3des.pem
openssl ec -in leaf-key.pem -aes128 -passout pass:keypass -out old.pem 2>/dev/null && cat leaf.pem >>old.pem
openssl ec -in leaf-key.pem -out sec1.pem 2>/dev/null && cat leaf.pem >>sec1.pem
openssl req -x509 -newkey rsa:2048 -nodes -keyout rsa8.pem -out rsacert.pem -days $days -subj "/CN=rsa" 2>/dev/null
openssl rsa -in rsa8.pem -traditional -out rsa.pem 2>/dev/null && cat rsacert.pem >>rsa.pem
cat leaf-key.pem rsacert.pem >stranger.pem
rm -f leaf.csr leaf.ext ca.srl rsa8.pem rsacert.pem ca-key.pem
java -Dfile.encoding=UTF-8 FirstAlias.java >first-alias.tsv
