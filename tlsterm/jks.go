package tlsterm

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"golang.org/x/crypto/cryptobyte"
)

// jksStore is an opened JKS file, which keystore-go reads; the keys are still
// encrypted.
type jksStore struct {
	file    keystore.KeyStore
	names   []string // of the keys, in alphabetical order: the file's is lost
	trusted []*x509.Certificate
}

// saysDigest is how keystore-go reports a wrong password, of the file and of a
// key; it has no error value for it.
const saysDigest = "got invalid digest"

var errDamaged = errors.New("the file is damaged")

func readJKS(data []byte, password string) (store, error) {
	latin1, err := latin1Password(password)
	if err != nil {
		return nil, fmt.Errorf("JKS: %w", err)
	}
	if !jksLengthsFit(data) {
		return nil, fmt.Errorf("JKS: %w: it ends too early", errDamaged)
	}
	s := &jksStore{file: keystore.New(keystore.WithOrderedAliases(), keystore.WithCaseExactAliases())}
	err = guarded(func() error { return s.file.Load(bytes.NewReader(data), latin1) })
	switch {
	case err == nil:
	case err.Error() == saysDigest && password == "":
		// Nobody asked for the check, and everything before it has been read.
	case err.Error() == saysDigest:
		return nil, fmt.Errorf("JKS: %w", errStorePassword)
	default:
		return nil, fmt.Errorf("JKS: %w", err)
	}
	for _, name := range s.file.Aliases() {
		if s.file.IsPrivateKeyEntry(name) {
			s.names = append(s.names, name)
			continue
		}
		entry, err := s.file.GetTrustedCertificateEntry(name)
		if err != nil {
			return nil, fmt.Errorf("JKS: entry %q: %w", name, err)
		}
		c, err := x509.ParseCertificate(entry.Certificate.Content)
		if err != nil {
			return nil, fmt.Errorf("JKS: entry %q: %w", name, err)
		}
		s.trusted = append(s.trusted, c)
	}
	return s, nil
}

// guarded turns a panic of keystore-go, which trusts the lengths inside an
// encrypted key, into an error.
func guarded(read func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errDamaged, r)
		}
	}()
	return read()
}

// jksLengthsFit walks over a file's lengths without looking at what they measure:
// keystore-go allocates what they promise before it reads, up to 160 GB for one
// count, and no recovery helps when memory is out.
func jksLengthsFit(data []byte) bool {
	const magic, timestamp, digest, trusted = 4, 8, 20, 2
	in := cryptobyte.String(data)
	var version, entries, tag, certs uint32
	var skipped cryptobyte.String
	ok := in.Skip(magic) && in.ReadUint32(&version) && in.ReadUint32(&entries)
	for ; ok && entries > 0; entries-- {
		ok = in.ReadUint32(&tag) && in.ReadUint16LengthPrefixed(&skipped) && in.Skip(timestamp)
		certs = 1
		if ok && tag != trusted {
			ok = skipUint32Prefixed(&in) && in.ReadUint32(&certs)
		}
		for ; ok && certs > 0; certs-- {
			ok = (version == 1 || in.ReadUint16LengthPrefixed(&skipped)) && skipUint32Prefixed(&in)
		}
	}
	return ok && len(in) == digest
}

func skipUint32Prefixed(in *cryptobyte.String) bool {
	var n uint32
	return in.ReadUint32(&n) && uint64(n) <= uint64(len(*in)) && in.Skip(int(n))
}

// latin1Password is what keystore-go takes for Java's UTF-16: it puts a zero in
// front of every byte.
func latin1Password(password string) ([]byte, error) {
	if err := checkLetters(password, unicode.MaxLatin1); err != nil {
		return nil, err
	}
	var latin1 []byte
	for _, r := range password {
		latin1 = append(latin1, byte(r))
	}
	return latin1, nil
}

func (s *jksStore) aliases() []string { return s.names }

func (s *jksStore) key(i int, keyPassword string) (storedKey, error) {
	if keyPassword == "" {
		return storedKey{}, errNeedsPassword
	}
	latin1, err := latin1Password(keyPassword)
	if err != nil {
		return storedKey{}, err
	}
	chain, err := s.chain(s.names[i])
	if err != nil {
		return storedKey{}, err
	}
	if len(chain) == 0 {
		return storedKey{}, errNoCertificate
	}
	var entry keystore.PrivateKeyEntry
	err = guarded(func() error {
		var err error
		entry, err = s.file.GetPrivateKeyEntry(s.names[i], latin1)
		return err
	})
	if err != nil && strings.HasSuffix(err.Error(), saysDigest) {
		return storedKey{}, errKeyPassword
	}
	if err != nil {
		return storedKey{}, err
	}
	key, err := x509.ParsePKCS8PrivateKey(entry.PrivateKey)
	return storedKey{alias: s.names[i], key: key, chain: chain}, err
}

func (s *jksStore) chain(name string) ([]*x509.Certificate, error) {
	stored, err := s.file.GetPrivateKeyEntryCertificateChain(name)
	if err != nil {
		return nil, err
	}
	var chain []*x509.Certificate
	for _, c := range stored {
		parsed, err := x509.ParseCertificate(c.Content)
		if err != nil {
			return nil, fmt.Errorf("JKS: entry %q: %w", name, err)
		}
		chain = append(chain, parsed)
	}
	return chain, nil
}

func (s *jksStore) anchors() ([]*x509.Certificate, error) {
	anchors := slices.Clone(s.trusted)
	for _, name := range s.names {
		chain, err := s.chain(name)
		if err != nil {
			return nil, err
		}
		if len(chain) > 0 {
			anchors = append(anchors, chain[0])
		}
	}
	return anchors, nil
}
