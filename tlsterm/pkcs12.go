package tlsterm

import (
	"crypto"
	"crypto/hmac"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
)

// A PKCS#12 store (RFC 7292) as Java reads it: keys and certificates are found
// bag by bag with their attributes, because only those tell a trusted
// certificate from one that merely completes a key's chain, and one key from
// the next.

const (
	oidData          = "1.2.840.113549.1.7.1"
	oidEncryptedData = "1.2.840.113549.1.7.6"
	oidKeyBag        = "1.2.840.113549.1.12.10.1.1"
	oidShroudedBag   = "1.2.840.113549.1.12.10.1.2"
	oidCertBag       = "1.2.840.113549.1.12.10.1.3"
	oidX509Cert      = "1.2.840.113549.1.9.22.1"
	oidFriendlyName  = "1.2.840.113549.1.9.20"
	oidLocalKeyID    = "1.2.840.113549.1.9.21"
	oidTrustedUsage  = "2.16.840.1.113894.746875.1.1" // Oracle's: this is a trust anchor
)

type pfx struct {
	Version  int
	AuthSafe contentInfo
	MAC      pfxMAC `asn1:"optional"`
}

type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"tag:0,explicit,optional"`
}

type pfxMAC struct {
	Digest     digestInfo
	Salt       []byte
	Iterations int `asn1:"optional,default:1"`
}

type digestInfo struct {
	Algorithm algorithmID
	Digest    []byte
}

type pbmac1Params struct {
	KDF algorithmID
	MAC algorithmID
}

type encryptedData struct {
	Version int
	Info    struct {
		Type      asn1.ObjectIdentifier
		Algorithm algorithmID
		Content   []byte `asn1:"tag:0,optional"`
	}
}

type safeBag struct {
	ID         asn1.ObjectIdentifier
	Value      asn1.RawValue  `asn1:"tag:0,explicit"`
	Attributes []bagAttribute `asn1:"set,optional"`
}

type bagAttribute struct {
	ID     asn1.ObjectIdentifier
	Values asn1.RawValue `asn1:"set"`
}

type certBag struct {
	ID   asn1.ObjectIdentifier
	Data []byte `asn1:"tag:0,explicit"`
}

type encryptedKey struct {
	Algorithm algorithmID
	Data      []byte
}

// pkcs12Store is an opened file; the keys are still encrypted.
type pkcs12Store struct {
	keys  []pkcs12Key
	certs []pkcs12Cert
}

type pkcs12Key struct {
	alias      string
	localKeyID string
	der        []byte
	encrypted  bool
}

type pkcs12Cert struct {
	cert       *x509.Certificate
	localKeyID string
	trusted    bool
}

func readPKCS12(data []byte, password string) (store, error) {
	var p pfx
	if err := unmarshalDER(data, &p); err != nil {
		return nil, fmt.Errorf("%w: it begins like PKCS12: %w", errNotAStore, err)
	}
	if oid := p.AuthSafe.Type.String(); oid != oidData {
		return nil, fmt.Errorf("PKCS12: integrity by %s: %w", oid, errUnsupported)
	}
	var safe []byte
	if err := unmarshalDER(p.AuthSafe.Content.Bytes, &safe); err != nil {
		return nil, fmt.Errorf("PKCS12: authenticated safe: %w", err)
	}
	if err := p.MAC.verify(safe, password); err != nil {
		return nil, fmt.Errorf("PKCS12: %w", err)
	}
	var contents []contentInfo
	if err := unmarshalDER(safe, &contents); err != nil {
		return nil, fmt.Errorf("PKCS12: authenticated safe: %w", err)
	}
	s := new(pkcs12Store)
	for i, content := range contents {
		if err := s.readContent(content, password); err != nil {
			return nil, fmt.Errorf("PKCS12: safe %d: %w", i+1, err)
		}
	}
	return s, nil
}

// verify checks the store's MAC; a store without one has nothing to check.
func (m pfxMAC) verify(safe []byte, password string) error {
	oid := m.Digest.Algorithm.Algorithm.String()
	if len(m.Digest.Algorithm.Algorithm) == 0 {
		return nil
	}
	if oid == oidPBMAC1 {
		want, err := pbmac1(m.Digest.Algorithm.Parameters.FullBytes, safe, password)
		if err == nil && !hmac.Equal(want, m.Digest.Digest) {
			err = errStorePassword
		}
		return err
	}
	newHash := hashesByOID[oid]
	if newHash == nil {
		return fmt.Errorf("MAC with %s: %w", oid, errUnsupported)
	}
	if err := checkIterations(m.Iterations); err != nil {
		return fmt.Errorf("MAC: %w", err)
	}
	for _, pw := range m.spellings(password) {
		key := pkcs12KDF(newHash, 3, pw, m.Salt, m.Iterations, newHash().Size())
		if hmac.Equal(macOf(newHash, key, safe), m.Digest.Digest) {
			return nil
		}
	}
	return errStorePassword
}

// spellings are the ways to encode a password: writers differ over the empty one.
func (pfxMAC) spellings(password string) [][]byte {
	if password == "" {
		return [][]byte{{0, 0}, nil}
	}
	return [][]byte{bmpPassword(password)}
}

// pbmac1 computes the MAC of RFC 9579.
func pbmac1(parameters, safe []byte, password string) ([]byte, error) {
	var p pbmac1Params
	if err := unmarshalDER(parameters, &p); err != nil {
		return nil, fmt.Errorf("PBMAC1 parameters: %w", err)
	}
	newHash := hmacsByOID[p.MAC.Algorithm.String()]
	if newHash == nil {
		return nil, fmt.Errorf("PBMAC1 with %v: %w", p.MAC.Algorithm, errUnsupported)
	}
	key, err := pbkdf2Key(p.KDF, password, 0)
	if err != nil {
		return nil, err
	}
	if len(key) < 20 {
		return nil, fmt.Errorf("PBMAC1 key of %d bytes; RFC 9579 asks for 20", len(key))
	}
	return macOf(newHash, key, safe), nil
}

func (s *pkcs12Store) readContent(content contentInfo, password string) error {
	var bags []byte
	switch oid := content.Type.String(); oid {
	case oidData:
		if err := unmarshalDER(content.Content.Bytes, &bags); err != nil {
			return err
		}
	case oidEncryptedData:
		var e encryptedData
		if err := unmarshalDER(content.Content.Bytes, &e); err != nil {
			return err
		}
		var err error
		if bags, err = decryptPBE(e.Info.Algorithm, e.Info.Content, password); err != nil {
			if errors.Is(err, errBadPassword) {
				err = errStorePassword
			}
			return err
		}
	default:
		return fmt.Errorf("content %s: %w", oid, errUnsupported)
	}
	var list []safeBag
	if err := unmarshalDER(bags, &list); err != nil {
		return err
	}
	for i, bag := range list {
		if err := s.readBag(bag); err != nil {
			return fmt.Errorf("bag %d: %w", i+1, err)
		}
	}
	return nil
}

// readBag takes in keys and certificates; other bags (secrets, lists of revoked
// certificates) are nothing to a TLS endpoint.
func (s *pkcs12Store) readBag(bag safeBag) error {
	switch bag.ID.String() {
	case oidKeyBag, oidShroudedBag:
		s.keys = append(s.keys, pkcs12Key{
			alias:      s.aliasOf(bag),
			localKeyID: bag.localKeyID(),
			der:        bag.Value.Bytes,
			encrypted:  bag.ID.String() == oidShroudedBag,
		})
	case oidCertBag:
		var c certBag
		if err := unmarshalDER(bag.Value.Bytes, &c); err != nil {
			return err
		}
		if c.ID.String() != oidX509Cert {
			return nil
		}
		cert, err := x509.ParseCertificate(c.Data)
		if err != nil {
			return err
		}
		s.certs = append(s.certs, pkcs12Cert{cert, bag.localKeyID(), bag.attribute(oidTrustedUsage) != nil})
	}
	return nil
}

// aliasOf is a key's name in lower case, or its place if it has none, as in Java.
func (s *pkcs12Store) aliasOf(bag safeBag) string {
	var name asn1.RawValue
	if v := bag.attribute(oidFriendlyName); v != nil && unmarshalDER(v, &name) == nil && len(name.Bytes)%2 == 0 {
		units := make([]uint16, len(name.Bytes)/2)
		for i := range units {
			units[i] = uint16(name.Bytes[2*i])<<8 | uint16(name.Bytes[2*i+1])
		}
		return strings.ToLower(string(utf16.Decode(units)))
	}
	return strconv.Itoa(len(s.keys) + 1)
}

func (b *safeBag) localKeyID() string { return string(b.attribute(oidLocalKeyID)) }

// attribute returns the DER of an attribute's values, nil if there is none.
func (b *safeBag) attribute(oid string) []byte {
	for _, a := range b.Attributes {
		if a.ID.String() == oid {
			return a.Values.Bytes
		}
	}
	return nil
}

func (s *pkcs12Store) aliases() []string {
	var names []string
	for _, k := range s.keys {
		names = append(names, k.alias)
	}
	return names
}

func (s *pkcs12Store) key(i int, keyPassword string) (storedKey, error) {
	k := s.keys[i]
	var key crypto.PrivateKey
	var err error
	if k.encrypted {
		key, err = decryptPKCS8(k.der, keyPassword)
	} else {
		key, err = x509.ParsePKCS8PrivateKey(k.der)
	}
	if err != nil {
		return storedKey{}, err
	}
	chain, err := chainFor(key, s.allCerts(), s.preferredFor(k))
	return storedKey{alias: k.alias, key: key, chain: chain}, err
}

func (s *pkcs12Store) allCerts() []*x509.Certificate {
	var all []*x509.Certificate
	for _, c := range s.certs {
		all = append(all, c.cert)
	}
	return all
}

// preferredFor tells the certificates that the store links to k.
func (s *pkcs12Store) preferredFor(k pkcs12Key) func(*x509.Certificate) bool {
	return func(cert *x509.Certificate) bool {
		for _, c := range s.certs {
			if c.cert == cert {
				return k.localKeyID != "" && c.localKeyID == k.localKeyID
			}
		}
		return false
	}
}

// anchors are the certificates that carry Java's mark, and those linked to a
// key. A store without keys and without marks, as openssl writes it, can only
// have been made to be trusted, so all of it is.
func (s *pkcs12Store) anchors() ([]*x509.Certificate, error) {
	linked := make(map[string]bool)
	for _, k := range s.keys {
		if k.localKeyID != "" {
			linked[k.localKeyID] = true
		}
	}
	var anchors []*x509.Certificate
	for _, c := range s.certs {
		if c.trusted || linked[c.localKeyID] {
			anchors = append(anchors, c.cert)
		}
	}
	if len(anchors) == 0 && len(s.keys) == 0 {
		return s.allCerts(), nil
	}
	return anchors, nil
}

// decryptPKCS8 reads an EncryptedPrivateKeyInfo (RFC 5958).
func decryptPKCS8(der []byte, password string) (crypto.PrivateKey, error) {
	if password == "" {
		return nil, errNeedsPassword
	}
	var e encryptedKey
	if err := unmarshalDER(der, &e); err != nil {
		return nil, fmt.Errorf("encrypted key: %w", err)
	}
	plain, err := decryptPBE(e.Algorithm, e.Data, password)
	if errors.Is(err, errBadPassword) {
		return nil, errKeyPassword
	}
	if err != nil {
		return nil, fmt.Errorf("encrypted key: %w", err)
	}
	var whole asn1.RawValue
	if unmarshalDER(plain, &whole) != nil || whole.Tag != asn1.TagSequence {
		return nil, errKeyPassword // one wrong password in 256 has plausible padding
	}
	return x509.ParsePKCS8PrivateKey(plain)
}
