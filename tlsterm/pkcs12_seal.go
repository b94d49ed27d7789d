package tlsterm

import (
	"crypto"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
	"software.sslmate.com/src/go-pkcs12"
)

// go-pkcs12 reads whole files of few shapes only. What it could read but for the
// shape around it is put here into a file that it accepts: the parts as they are,
// still encrypted, under a check sum made for the purpose. Such a file never
// leaves memory, and the check sum of the original has been verified before.

var (
	oidData     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidShrouded = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 2}
	oidCertBag  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 3}
	oidX509     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 22, 1}
	oidPBKDF2   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidPBMAC1   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 14}
	oidHMAC256  = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}
	tagContent  = der.Tag(0).ContextSpecific().Constructed()
	errSafes    = errors.New("its safes are not in order")
)

// safesOf takes a file (RFC 7292 section 4) apart into the DER of its safes.
func safesOf(file []byte) (safes []cryptobyte.String, err error) {
	whole := cryptobyte.String(file)
	var outer, info, content, list cryptobyte.String
	if !whole.ReadASN1(&outer, der.SEQUENCE) || !outer.SkipASN1(der.INTEGER) || !outer.ReadASN1(&info, der.SEQUENCE) ||
		!openSafe(info, &content) || !content.ReadASN1(&list, der.SEQUENCE) {
		return nil, errSafes
	}
	for !list.Empty() {
		var safe cryptobyte.String
		if !list.ReadASN1Element(&safe, der.SEQUENCE) {
			return nil, errSafes
		}
		safes = append(safes, safe)
	}
	return safes, nil
}

// openSafe reads what is in a safe, without its tag, if it is not encrypted.
func openSafe(info cryptobyte.String, content *cryptobyte.String) bool {
	var kind asn1.ObjectIdentifier
	var explicit cryptobyte.String
	return info.ReadASN1ObjectIdentifier(&kind) && kind.Equal(oidData) &&
		info.ReadASN1(&explicit, tagContent) && explicit.ReadASN1(content, der.OCTET_STRING)
}

// firstBag returns the DER of the first bag in a safe, false if that is encrypted
// or empty.
func firstBag(safe cryptobyte.String) (bag cryptobyte.String, ok bool) {
	var info, content, bags cryptobyte.String
	ok = safe.ReadASN1(&info, der.SEQUENCE) && openSafe(info, &content) &&
		content.ReadASN1(&bags, der.SEQUENCE) && bags.ReadASN1Element(&bag, der.SEQUENCE)
	return bag, ok
}

// sealPKCS12 makes a file of safes, with the check sum of RFC 9579.
func sealPKCS12(password string, addSafes func(*cryptobyte.Builder)) ([]byte, error) {
	var content, file cryptobyte.Builder
	content.AddASN1(der.SEQUENCE, addSafes)
	data, err := content.Bytes()
	if err != nil {
		return nil, err
	}
	key, err := pbkdf2.Key(sha256.New, password, nil, 1, sha256.Size)
	if err != nil {
		return nil, err
	}
	sum := hmac.New(sha256.New, key)
	sum.Write(data)
	file.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(3)
		addSafe(b, func(b *cryptobyte.Builder) { b.AddBytes(data) })
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(der.SEQUENCE, addPBMAC1)
				b.AddASN1OctetString(sum.Sum(nil))
			})
			b.AddASN1OctetString(nil) // a salt that PBMAC1 does not use
		})
	})
	return file.Bytes()
}

func addPBMAC1(b *cryptobyte.Builder) {
	hmac256 := func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidHMAC256) }
	b.AddASN1ObjectIdentifier(oidPBMAC1)
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oidPBKDF2)
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1OctetString(nil) // salt
				b.AddASN1Int64(1)         // iterations
				b.AddASN1Int64(sha256.Size)
				b.AddASN1(der.SEQUENCE, hmac256)
			})
		})
		b.AddASN1(der.SEQUENCE, hmac256)
	})
}

// addSafe adds a safe that is not encrypted.
func addSafe(b *cryptobyte.Builder, addContent func(*cryptobyte.Builder)) {
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidData)
		b.AddASN1(tagContent, func(b *cryptobyte.Builder) { b.AddASN1(der.OCTET_STRING, addContent) })
	})
}

// addBags adds a safe with bags that are DER already.
func addBags(b *cryptobyte.Builder, bags ...[]byte) {
	addSafe(b, func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, bag := range bags {
				b.AddBytes(bag)
			}
		})
	})
}

// newBag makes a bag, or what is in a certificate's bag, which looks the same.
func newBag(kind asn1.ObjectIdentifier, addValue func(*cryptobyte.Builder)) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(kind)
		b.AddASN1(tagContent, addValue)
	})
	return b.Bytes()
}

// decryptPKCS8 reads an EncryptedPrivateKeyInfo (RFC 5958). The certificate is
// there because go-pkcs12 wants one beside a key, any.
func decryptPKCS8(encrypted []byte, cert *x509.Certificate, password string) (crypto.PrivateKey, error) {
	if password == "" {
		return nil, errNeedsPassword
	}
	if err := errors.Join(checkLetters(password, maxBMP), checkIterations(encrypted)); err != nil {
		return nil, err
	}
	keyBag, keyErr := newBag(oidShrouded, func(b *cryptobyte.Builder) { b.AddBytes(encrypted) })
	x509Cert, x509Err := newBag(oidX509, func(b *cryptobyte.Builder) { b.AddASN1OctetString(cert.Raw) })
	certBag, certErr := newBag(oidCertBag, func(b *cryptobyte.Builder) { b.AddBytes(x509Cert) })
	if err := errors.Join(keyErr, x509Err, certErr); err != nil {
		return nil, err
	}
	file, err := sealPKCS12(password, func(b *cryptobyte.Builder) { addBags(b, keyBag, certBag) })
	if err != nil {
		return nil, err
	}
	key, _, _, err := pkcs12.DecodeChain(file, password)
	if err != nil && (strings.Contains(err.Error(), pkcs12.ErrDecryption.Error()) || strings.Contains(err.Error(), saysNotASN1)) {
		return nil, errKeyPassword
	}
	return key, err
}
