package tlsterm

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
	"software.sslmate.com/src/go-pkcs12"
)

// A PKCS#12 store (RFC 7292) is read by go-pkcs12. Of its three ways in, none
// reads every store: DecodeTrustStore wants marked certificates only, DecodeChain
// one key, and ToPEM, which alone tells names and links, knows neither Java's
// mark nor every kind of key. They are tried in turn.

// What go-pkcs12 says without an error value to compare with. The fixtures hold
// each of them; unrecognised, they are errors like any other.
const (
	saysNoPFX    = "pkcs12: error reading P12 data"
	saysNoMAC    = "pkcs12: no MAC in data"
	saysEmpty    = "but this file has 0"
	saysNoKey    = "pkcs12: private key missing"
	saysOneSafe  = "but this file has 1"
	saysMoreKeys = "pkcs12: expected exactly one key bag"
	saysMarked   = "unknown attribute with OID 2.16.840.1.113894.746875.1.1" // Oracle's: a trust anchor
	saysNotASN1  = "pkcs12: error unmarshaling decrypted private key"

	maxBMP      = '\uFFFF'
	maxDERDepth = 32 // PBKDF2's parameters in a bag are 18 deep
	constructed = der.Tag(0x20)
)

// maxIterations is Java's bound too.
var maxIterations = big.NewInt(5_000_000)

// derData is oidData as it stands in a file.
var derData = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01}

var errOtherPassword = errors.New("something in it has a password other than the store's; " +
	"give it the store's, as keytool -importkeystore does")

// pkcs12Store is an opened file, its keys decrypted by the store's password.
type pkcs12Store struct {
	password string
	keys     []pkcs12Key
	certs    []pkcs12Cert
	// What is known of Java's marks of certificates beside keys.
	marked   bool  // some have one: which, follows from how Java writes
	unmarked bool  // none has one
	unknown  error // why it is not known, if neither
}

type pkcs12Key struct {
	alias, localKeyID string
	key               crypto.PrivateKey
}

type pkcs12Cert struct {
	*x509.Certificate
	localKeyID string
}

func readPKCS12(data []byte, password string) (store, error) {
	if err := checkLetters(password, maxBMP); err != nil {
		return nil, fmt.Errorf("PKCS12: %w", err)
	}
	if err := checkIterations(data); err != nil {
		return nil, fmt.Errorf("PKCS12: %w", err)
	}
	s, err := decodePKCS12(data, password)
	if err != nil && strings.Contains(err.Error(), saysNoMAC) && password != "" {
		// As in Java: what nobody sealed needs no password to be opened.
		s, err = decodePKCS12(data, "")
	}
	switch {
	case err == nil:
		return s, nil
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		return nil, fmt.Errorf("PKCS12: %w", errStorePassword)
	case strings.HasPrefix(err.Error(), saysNoPFX):
		return nil, fmt.Errorf("%w: it begins like PKCS12: %w", errNotAStore, err)
	case strings.Contains(err.Error(), pkcs12.ErrDecryption.Error()):
		return nil, fmt.Errorf("PKCS12: %w", errOtherPassword)
	}
	return nil, fmt.Errorf("PKCS12: %w", err)
}

func decodePKCS12(data []byte, password string) (*pkcs12Store, error) {
	s := &pkcs12Store{password: password}
	anchors, err := pkcs12.DecodeTrustStore(data, password)
	if err == nil {
		s.addCerts(anchors...)
		return s, nil
	}
	if errors.Is(err, pkcs12.ErrIncorrectPassword) {
		return nil, err // the other ways would derive the same key again
	}
	if strings.HasSuffix(err.Error(), saysEmpty) {
		return s, nil
	}
	pemErr := s.readBags(data)
	if pemErr == nil {
		s.unmarked = true
		return s, nil
	}
	*s = pkcs12Store{password: password, unknown: pemErr, marked: strings.Contains(pemErr.Error(), saysMarked)}
	key, leaf, issuers, err := pkcs12.DecodeChain(data, password)
	switch {
	case err == nil:
		s.keys = []pkcs12Key{{alias: "1", key: key}}
		s.addCerts(leaf)
		s.addCerts(issuers...)
		return s, nil
	case err.Error() == saysNoKey && strings.HasSuffix(pemErr.Error(), saysOneSafe):
		err = s.readUnmarked(data)
	case err.Error() == saysMoreKeys && s.marked:
		err = s.readHalves(data)
	case err.Error() == saysNoKey, err.Error() == saysMoreKeys:
		err = pemErr
	}
	return s, err
}

// readBags reads a file of two safes whose attributes ToPEM knows.
func (s *pkcs12Store) readBags(data []byte) error {
	//nolint:staticcheck // SA1019: its keys are not PKCS#8, which is known here; nothing else reads several keys
	blocks, err := pkcs12.ToPEM(data, s.password)
	if err != nil {
		return err
	}
	for _, block := range blocks {
		id := block.Headers["localKeyId"]
		if block.Type == "CERTIFICATE" {
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return err
			}
			s.certs = append(s.certs, pkcs12Cert{c, id})
			continue
		}
		key, err := parseBareKey(block)
		if err != nil {
			return err
		}
		alias, named := block.Headers["friendlyName"]
		if !named {
			alias = strconv.Itoa(len(s.keys) + 1) // as in Java
		}
		s.keys = append(s.keys, pkcs12Key{strings.ToLower(alias), id, key})
	}
	return nil
}

// parseBareKey reads a key as ToPEM writes it, not in PKCS#8.
func parseBareKey(block *pem.Block) (crypto.PrivateKey, error) {
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	return x509.ParseECPrivateKey(block.Bytes)
}

func (s *pkcs12Store) addCerts(certs ...*x509.Certificate) {
	for _, c := range certs {
		s.certs = append(s.certs, pkcs12Cert{Certificate: c})
	}
}

func (s *pkcs12Store) aliases() []string {
	var names []string
	for _, k := range s.keys {
		names = append(names, k.alias)
	}
	return names
}

// key compares passwords, for go-pkcs12 decrypts all of a file with one. An
// empty one opened the store, so it hides nothing.
func (s *pkcs12Store) key(i int, keyPassword string) (storedKey, error) {
	switch {
	case s.password == "" || keyPassword == s.password:
	case keyPassword == "":
		return storedKey{}, errNeedsPassword
	default:
		return storedKey{}, fmt.Errorf("%w: in PKCS12 it is the store's", errKeyPassword)
	}
	k := s.keys[i]
	chain, err := chainFor(k.key, s.allCerts(), s.linkedTo(k))
	return storedKey{alias: k.alias, key: k.key, chain: chain}, err
}

func (s *pkcs12Store) allCerts() []*x509.Certificate {
	var all []*x509.Certificate
	for _, c := range s.certs {
		all = append(all, c.Certificate)
	}
	return all
}

// linkedTo tells the certificates that the store links to k.
func (s *pkcs12Store) linkedTo(k pkcs12Key) func(*x509.Certificate) bool {
	return func(cert *x509.Certificate) bool {
		return k.localKeyID != "" && slices.Contains(s.certs, pkcs12Cert{cert, k.localKeyID})
	}
}

// anchors are the certificates of the keys, and those that carry Java's mark.
// A store without keys has none but anchors: Java marks them, and if openssl made
// it, it can only have been made to be trusted.
//
// Which certificates beside a key are marked go-pkcs12 does not tell, only that
// one is. Java, which alone marks them, writes for each key its whole chain and
// for each anchor one more certificate, also if it has written the same before.
// So, taking each key's chain away once, the anchors are what is left.
func (s *pkcs12Store) anchors() ([]*x509.Certificate, error) {
	rest := s.allCerts()
	if len(s.keys) == 0 {
		return rest, nil
	}
	var anchors []*x509.Certificate
	for _, k := range s.keys {
		chain, err := chainFor(k.key, rest, s.linkedTo(k))
		if err != nil {
			continue // a key without a certificate vouches for nobody
		}
		anchors = append(anchors, chain[0])
		chain = withIssuersByName(chain, rest)
		rest = slices.DeleteFunc(slices.Clone(rest), func(c *x509.Certificate) bool { return slices.Contains(chain, c) })
	}
	switch {
	case s.marked:
		return append(anchors, rest...), nil
	case s.unmarked || len(rest) == 0:
		return anchors, nil
	}
	return nil, fmt.Errorf("PKCS12: which certificates beside the key it trusts cannot be told: %w", s.unknown)
}

// withIssuersByName goes on where signatures ended a chain, as Java does, which
// follows names: no certificate of a chain may pass for an anchor because Go does
// not accept how it was signed.
func withIssuersByName(chain, certs []*x509.Certificate) []*x509.Certificate {
	for {
		last := chain[len(chain)-1]
		i := slices.IndexFunc(certs, func(c *x509.Certificate) bool {
			return bytes.Equal(c.RawSubject, last.RawIssuer) && !slices.Contains(chain, c)
		})
		if i < 0 || bytes.Equal(last.RawIssuer, last.RawSubject) {
			return chain
		}
		chain = append(chain, certs[i])
	}
}

// checkIterations bounds the work that a file can ask for, which go-pkcs12 does
// not: a count in damaged parameters would keep it busy for years. In all of them
// the count is the INTEGER behind the salt, an OCTET STRING.
func checkIterations(file []byte) error { return checkCounts(file, 0, false) }

// checkCounts looks at the elements of one level and below. It opens an OCTET
// STRING only as the content (RFC 5652 section 4) of something of type data: what
// others hold, salts, check sums and ciphertext, is random, and random bytes read
// as a salt and a count now and then.
func checkCounts(in cryptobyte.String, depth int, content bool) error {
	var tag, previous der.Tag
	isData := false
	for !in.Empty() && depth < maxDERDepth {
		var element cryptobyte.String
		if !in.ReadAnyASN1(&element, &tag) {
			return nil // no DER: go-pkcs12 says so
		}
		switch {
		case tag == der.INTEGER && previous == der.OCTET_STRING && new(big.Int).SetBytes(element).Cmp(maxIterations) > 0:
			return fmt.Errorf("more than %d iterations to derive a key", maxIterations)
		case tag == der.OBJECT_IDENTIFIER:
			isData = bytes.Equal(element, derData)
		case tag&constructed != 0, content && tag == der.OCTET_STRING:
			if err := checkCounts(element, depth+1, isData); err != nil {
				return err
			}
		}
		previous = tag
	}
	return nil
}

// readUnmarked reads a file of one safe with certificates that nobody marked, as
// openssl -nokeys writes it: ToPEM wants two safes.
func (s *pkcs12Store) readUnmarked(data []byte) error {
	safes, err := safesOf(data)
	if err != nil {
		return err
	}
	padded, err := sealPKCS12(s.password, func(b *cryptobyte.Builder) {
		for _, safe := range safes {
			b.AddBytes(safe)
		}
		addBags(b)
	})
	if err != nil {
		return err
	}
	err = s.readBags(padded)
	if err != nil && strings.Contains(err.Error(), saysMarked) {
		return errors.New("some certificates in it are marked as trusted, others are not, and no key explains those")
	}
	return err
}

// readHalves reads several keys beside marked certificates: the keys, which Java
// puts into a safe of their own, by ToPEM, and the certificates, with one of the
// keys, by DecodeChain.
func (s *pkcs12Store) readHalves(data []byte) error {
	safes, err := safesOf(data)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(safes, func(safe cryptobyte.String) bool { _, open := firstBag(safe); return open })
	if i < 0 || len(safes) != 2 {
		return errSafes
	}
	keys, err := sealPKCS12(s.password, func(b *cryptobyte.Builder) {
		b.AddBytes(safes[i])
		addBags(b)
	})
	if err != nil {
		return err
	}
	if err := s.readBags(keys); err != nil {
		return err
	}
	certs, err := sealPKCS12(s.password, func(b *cryptobyte.Builder) {
		oneKey, _ := firstBag(safes[i])
		b.AddBytes(safes[1-i])
		addBags(b, oneKey)
	})
	if err != nil {
		return err
	}
	_, first, others, err := pkcs12.DecodeChain(certs, s.password)
	if err != nil {
		return err
	}
	s.addCerts(first)
	s.addCerts(others...)
	return nil
}
