package tlsterm

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the format's own
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"
)

// The JKS format: a magic number, a version, entries, and the SHA-1 of the
// password, a salt of words and all that. Keys are hidden under a key stream of
// SHA-1 (Sun's KeyProtector).

const (
	jksKeyTag     = 1
	jksTrustedTag = 2
	jksSalt       = "Mighty Aphrodite"
	oidJKSKey     = "1.3.6.1.4.1.42.2.17.1.1"
)

var errJKSShort = errors.New("JKS: the file ends too early")

type jksStore struct {
	keys    []jksKey
	trusted []*x509.Certificate
}

type jksKey struct {
	alias     string
	protected []byte
	chain     []*x509.Certificate
}

func readJKS(data []byte, password string) (store, error) {
	if len(data) < 12+sha1.Size {
		return nil, errJKSShort
	}
	body, digest := data[:len(data)-sha1.Size], data[len(data)-sha1.Size:]
	if password != "" {
		h := sha1.New() //nolint:gosec // the format's own
		h.Write(utf16BE(password))
		h.Write([]byte(jksSalt))
		h.Write(body)
		if !hmac.Equal(h.Sum(nil), digest) {
			return nil, fmt.Errorf("JKS: %w", errStorePassword)
		}
	}
	in := cryptobyte.String(body[4:])
	var version, entries uint32
	in.ReadUint32(&version)
	in.ReadUint32(&entries) // both are there: the length was checked
	if version != 1 && version != 2 {
		return nil, fmt.Errorf("JKS: version %d: %w", version, errUnsupported)
	}
	s := new(jksStore)
	for i := range entries {
		if err := s.readEntry(&in, version); err != nil {
			return nil, fmt.Errorf("JKS: entry %d: %w", i+1, err)
		}
	}
	return s, nil
}

func (s *jksStore) readEntry(in *cryptobyte.String, version uint32) error {
	var tag uint32
	var alias cryptobyte.String
	if !in.ReadUint32(&tag) || !in.ReadUint16LengthPrefixed(&alias) || !in.Skip(8) { // 8: when it was made
		return errJKSShort
	}
	switch tag {
	case jksTrustedTag:
		c, err := readJKSCert(in, version)
		if err == nil {
			s.trusted = append(s.trusted, c)
		}
		return err
	case jksKeyTag:
		k := jksKey{alias: string(alias)}
		var count uint32
		if !readUint32Prefixed(in, &k.protected) || !in.ReadUint32(&count) {
			return errJKSShort
		}
		for range count {
			c, err := readJKSCert(in, version)
			if err != nil {
				return err
			}
			k.chain = append(k.chain, c)
		}
		s.keys = append(s.keys, k)
		return nil
	}
	return fmt.Errorf("kind %d: %w", tag, errUnsupported)
}

func readJKSCert(in *cryptobyte.String, version uint32) (*x509.Certificate, error) {
	var kind cryptobyte.String
	var der []byte
	if version == 2 && !in.ReadUint16LengthPrefixed(&kind) || !readUint32Prefixed(in, &der) {
		return nil, errJKSShort
	}
	return x509.ParseCertificate(der)
}

// readUint32Prefixed refuses a length beyond what is there before it allocates.
func readUint32Prefixed(in *cryptobyte.String, out *[]byte) bool {
	var n uint32
	return in.ReadUint32(&n) && uint64(n) <= uint64(len(*in)) && in.ReadBytes(out, int(n))
}

func (s *jksStore) aliases() []string {
	var names []string
	for _, k := range s.keys {
		names = append(names, k.alias)
	}
	return names
}

func (s *jksStore) key(i int, keyPassword string) (storedKey, error) {
	k := s.keys[i]
	if keyPassword == "" {
		return storedKey{}, errNeedsPassword
	}
	if len(k.chain) == 0 {
		return storedKey{}, errors.New("no certificate belongs to it")
	}
	der, err := recoverJKSKey(k.protected, keyPassword)
	if err != nil {
		return storedKey{}, err
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	return storedKey{alias: k.alias, key: key, chain: k.chain}, err
}

// recoverJKSKey undoes Sun's KeyProtector: a salt, the key xored with a chain of
// SHA-1, a check sum.
func recoverJKSKey(protected []byte, password string) ([]byte, error) {
	var e encryptedKey
	if err := unmarshalDER(protected, &e); err != nil {
		return nil, fmt.Errorf("encrypted key: %w", err)
	}
	if oid := e.Algorithm.Algorithm.String(); oid != oidJKSKey {
		return nil, fmt.Errorf("encryption %s: %w", oid, errUnsupported)
	}
	if len(e.Data) < 2*sha1.Size {
		return nil, errors.New("encrypted key: too short")
	}
	secret := utf16BE(password)
	block, rest := e.Data[:sha1.Size], e.Data[sha1.Size:]
	plain, check := slices.Clone(rest[:len(rest)-sha1.Size]), rest[len(rest)-sha1.Size:]
	for i := range plain {
		if i%sha1.Size == 0 {
			next := sha1.Sum(slices.Concat(secret, block)) //nolint:gosec // the format's own
			block = next[:]
		}
		plain[i] ^= block[i%sha1.Size]
	}
	if sum := sha1.Sum(slices.Concat(secret, plain)); !hmac.Equal(sum[:], check) { //nolint:gosec // the format's own
		return nil, errKeyPassword
	}
	return plain, nil
}

func (s *jksStore) anchors() ([]*x509.Certificate, error) {
	anchors := slices.Clone(s.trusted)
	for _, k := range s.keys {
		if len(k.chain) > 0 {
			anchors = append(anchors, k.chain[0])
		}
	}
	return anchors, nil
}
