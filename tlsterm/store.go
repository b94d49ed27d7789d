package tlsterm

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf16"
)

// ErrStore is wrapped by every error of LoadKeyStore and LoadTrustStore.
var ErrStore = errors.New("tlsterm: key store")

// maxStoreBytes bounds the file; the JVM's own trust store has 200 KB.
const maxStoreBytes = 16 << 20

// A StoreSpec says where a store is and, for errors, which settings said so.
type StoreSpec struct {
	Path, Password, Type string
	// The names of the variables that hold them. An error names the one to change.
	PathVar, PasswordVar, TypeVar string
}

// storedKey is one private key entry: its key and its chain, leaf first.
type storedKey struct {
	alias string
	key   crypto.PrivateKey
	chain []*x509.Certificate
}

// A store is what a file of any format holds, still to be asked for its keys.
type store interface {
	// aliases are the names of the private key entries as Java enumerates them.
	aliases() []string
	// key decrypts the i-th private key entry.
	key(i int, keyPassword string) (storedKey, error)
	// anchors are the certificates that Java's trust manager would trust: trusted
	// entries, and the leaf of each private key entry.
	anchors() ([]*x509.Certificate, error)
}

// The errors that a reader of one format returns for its caller to blame on a
// variable.
var (
	errStorePassword = errors.New("wrong password, or the file is damaged")
	errKeyPassword   = errors.New("wrong key password")
	errNeedsPassword = errors.New("the private key is encrypted and no key password is given")
	errNotAStore     = errors.New("not a JKS, PKCS12 or PEM store")
	errNoCertificate = errors.New("no certificate belongs to it")
	errLetters       = errors.New("the password has characters that cannot be used with this kind of store")
)

// LoadKeyStore reads a private key and its certificates from a JKS, PKCS12 or
// PEM file; which of them the first bytes say, whatever spec.Type declares. Of
// several keys it takes the one that Java's key manager would. An encrypted key
// needs keyPassword: there is no fallback to the store's password.
//
// The error wraps ErrStore and names the file and the variable to change:
// spec's, or keyPasswordVar.
func LoadKeyStore(spec StoreSpec, keyPassword, keyPasswordVar string) (tls.Certificate, error) {
	data, err := spec.read()
	if err != nil {
		return tls.Certificate{}, err
	}
	return parseKeyStore(data, spec, keyPassword, keyPasswordVar)
}

// LoadTrustStore reads the certificates to trust, which are returned as a pool
// and one by one. As in Java, a private key's own certificate in the store is
// trusted, and its chain is not. Without a password the integrity of a JKS file
// is not checked.
//
// The error wraps ErrStore and names the file and the variable to change.
func LoadTrustStore(spec StoreSpec) (*x509.CertPool, []*x509.Certificate, error) {
	data, err := spec.read()
	if err != nil {
		return nil, nil, err
	}
	return parseTrustStore(data, spec)
}

func parseKeyStore(data []byte, spec StoreSpec, keyPassword, keyPasswordVar string) (tls.Certificate, error) {
	s, err := openStore(data, spec)
	if err != nil {
		return tls.Certificate{}, err
	}
	aliases := s.aliases()
	if len(aliases) == 0 {
		return tls.Certificate{}, spec.fault(spec.PathVar, errors.New("no private key in it"))
	}
	first := firstOfJava(aliases)
	entry, err := s.key(first, keyPassword)
	if err != nil {
		blamed := spec.PathVar
		if errors.Is(err, errNeedsPassword) || errors.Is(err, errKeyPassword) || errors.Is(err, errLetters) {
			blamed = keyPasswordVar
		}
		return tls.Certificate{}, spec.fault(blamed, fmt.Errorf("private key %q: %w", aliases[first], err))
	}
	cert := tls.Certificate{PrivateKey: entry.key, Leaf: entry.chain[0]}
	for _, c := range entry.chain {
		cert.Certificate = append(cert.Certificate, c.Raw)
	}
	return cert, nil
}

func parseTrustStore(data []byte, spec StoreSpec) (*x509.CertPool, []*x509.Certificate, error) {
	s, err := openStore(data, spec)
	if err != nil {
		return nil, nil, err
	}
	anchors, err := s.anchors()
	if err != nil {
		return nil, nil, spec.fault(spec.PathVar, err)
	}
	if len(anchors) == 0 {
		return nil, nil, spec.fault(spec.PathVar, errors.New("no certificate to trust in it"))
	}
	pool := x509.NewCertPool()
	for _, c := range anchors {
		pool.AddCert(c)
	}
	return pool, anchors, nil
}

// openStore recognises the format and checks the store's password.
func openStore(data []byte, spec StoreSpec) (store, error) {
	var s store
	var err error
	switch {
	case len(data) == 0:
		err = errors.New("the file is empty")
	case bytes.HasPrefix(data, []byte{0xFE, 0xED, 0xFE, 0xED}):
		s, err = readJKS(data, spec.Password)
	case bytes.HasPrefix(data, []byte{0xCE, 0xCE, 0xCE, 0xCE}):
		err = errors.New("a JCEKS store; convert it with keytool -importkeystore -deststoretype PKCS12")
	case data[0] == 0x30:
		s, err = readPKCS12(data, spec.Password)
	case bytes.Contains(data[:min(len(data), 64<<10)], []byte("-----BEGIN ")):
		s, err = readPEM(data)
	default:
		err = errNotAStore
	}
	switch {
	case err == nil:
		return s, nil
	case errors.Is(err, errStorePassword), errors.Is(err, errLetters):
		return nil, spec.fault(spec.PasswordVar, err)
	case errors.Is(err, errNotAStore) && spec.Type != "":
		return nil, spec.fault(spec.PathVar, fmt.Errorf("%w, though %s says %q", err, spec.TypeVar, spec.Type))
	}
	return nil, spec.fault(spec.PathVar, err)
}

// read reads the file, up to maxStoreBytes.
func (s StoreSpec) read() ([]byte, error) {
	if s.Path == "" {
		return nil, fmt.Errorf("%w: %s: no file is named", ErrStore, s.PathVar)
	}
	f, err := os.Open(s.Path)
	if err != nil {
		return nil, s.fault(s.PathVar, pathless(err))
	}
	data, err := io.ReadAll(io.LimitReader(f, maxStoreBytes+1))
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, s.fault(s.PathVar, pathless(err))
	}
	if len(data) > maxStoreBytes {
		return nil, s.fault(s.PathVar, fmt.Errorf("larger than %d bytes", maxStoreBytes))
	}
	return data, nil
}

// fault is the error for the operator: the variable, the file, what is wrong.
func (s StoreSpec) fault(variable string, err error) error {
	return fmt.Errorf("%w: %s: %s: %w", ErrStore, variable, s.Path, err)
}

// pathless takes the path out of an error of package os, which fault names.
func pathless(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// checkLetters refuses a password that the libraries would encode otherwise than
// Java, and so call wrong.
func checkLetters(password string, last rune) error {
	if strings.ContainsFunc(password, func(r rune) bool { return r > last }) {
		return fmt.Errorf("%w: beyond %U", errLetters, last)
	}
	return nil
}

// firstOfJava returns the index of the alias whose key Java's default key
// manager (SunX509) offers first: it keeps the entries in a HashMap and takes
// the first of its enumeration that fits.
func firstOfJava(aliases []string) int {
	table := uint32(16) // HashMap's sizes: doubled when more than 3/4 full
	for len(aliases) > int(table/4*3) {
		table *= 2
	}
	first, firstBucket := 0, table
	for i, alias := range aliases {
		var h uint32 // String.hashCode
		for _, unit := range utf16.Encode([]rune(alias)) {
			h = 31*h + uint32(unit)
		}
		if bucket := (h ^ h>>16) & (table - 1); bucket < firstBucket {
			first, firstBucket = i, bucket
		}
	}
	return first
}

// chainFor returns the certificate of key and, behind it, those of certs that
// certify it, nearest first. Of several certificates of one key it takes a
// preferred one.
func chainFor(key crypto.PrivateKey, certs []*x509.Certificate, preferred func(*x509.Certificate) bool) ([]*x509.Certificate, error) {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a private key of type %T cannot sign", key)
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok {
		return nil, fmt.Errorf("a public key of type %T", signer.Public())
	}
	var leaf *x509.Certificate
	for _, c := range certs {
		if public.Equal(c.PublicKey) && (leaf == nil || preferred(c) && !preferred(leaf)) {
			leaf = c
		}
	}
	if leaf == nil {
		return nil, errNoCertificate
	}
	return chainFrom(leaf, certs), nil
}

// chainFrom follows issuers from leaf through certs.
func chainFrom(leaf *x509.Certificate, certs []*x509.Certificate) []*x509.Certificate {
	chain := []*x509.Certificate{leaf}
	used := map[*x509.Certificate]bool{leaf: true}
	for last := leaf; !bytes.Equal(last.RawIssuer, last.RawSubject); {
		var issuer *x509.Certificate
		for _, c := range certs {
			if !used[c] && bytes.Equal(c.RawSubject, last.RawIssuer) && last.CheckSignatureFrom(c) == nil {
				issuer = c
				break
			}
		}
		if issuer == nil {
			break
		}
		chain = append(chain, issuer)
		used[issuer] = true
		last = issuer
	}
	return chain
}
