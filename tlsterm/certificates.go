package tlsterm

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"
)

// ErrCertificate is wrapped by what CheckCertificate finds.
var ErrCertificate = errors.New("tlsterm: certificate")

// Keys is what a key store holds: Certificates, the one that Java's key manager
// would take first, and in Unusable why other entries are left out.
type Keys struct {
	Certificates []tls.Certificate
	Unusable     []error
}

// Read reads the file, of 16 MiB at most. The error wraps ErrStore and names the
// file and the variable.
func (s StoreSpec) Read() ([]byte, error) { return s.read() }

// ParseKeyStore reads all private keys and their certificates out of the bytes
// of a key store, in the order of the file but the one that LoadKeyStore would
// return first. That one has to be readable; the others, which share its
// password, are left out if they are not. Errors are as LoadKeyStore's.
func ParseKeyStore(data []byte, spec StoreSpec, keyPassword, keyPasswordVar string) (Keys, error) {
	first, err := parseKeyStore(data, spec, keyPassword, keyPasswordVar)
	if err != nil {
		return Keys{}, err
	}
	if err := keyFits(&first); err != nil {
		return Keys{}, spec.fault(spec.PathVar, err)
	}
	keys := Keys{Certificates: []tls.Certificate{first}}
	s, err := openStore(data, spec)
	if err != nil {
		return Keys{}, err
	}
	aliases := s.aliases()
	taken := firstOfJava(aliases)
	for i, alias := range aliases {
		if i == taken {
			continue
		}
		cert, err := certificateOf(s, i, keyPassword)
		if err != nil {
			keys.Unusable = append(keys.Unusable, spec.fault(spec.PathVar, fmt.Errorf("private key %q is left out: %w", alias, err)))
			continue
		}
		keys.Certificates = append(keys.Certificates, cert)
	}
	return keys, nil
}

// ParseTrustStore is LoadTrustStore for the bytes of a file.
func ParseTrustStore(data []byte, spec StoreSpec) (*x509.CertPool, []*x509.Certificate, error) {
	return parseTrustStore(data, spec)
}

func certificateOf(s store, i int, keyPassword string) (tls.Certificate, error) {
	entry, err := s.key(i, keyPassword)
	if err != nil {
		return tls.Certificate{}, err
	}
	cert := tls.Certificate{PrivateKey: entry.key, Leaf: entry.chain[0]}
	for _, c := range entry.chain {
		cert.Certificate = append(cert.Certificate, c.Raw)
	}
	if err := keyFits(&cert); err != nil {
		return tls.Certificate{}, err
	}
	return cert, nil
}

// keyFits refuses a key that is not the certificate's: every handshake would
// fail with it.
func keyFits(cert *tls.Certificate) error {
	signer, ok := cert.PrivateKey.(crypto.Signer)
	if !ok {
		return fmt.Errorf("a private key of type %T cannot sign", cert.PrivateKey)
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(cert.Leaf.PublicKey) {
		return fmt.Errorf("the private key does not belong to the certificate of %s", subject(cert.Leaf))
	}
	return nil
}

// CheckCertificate says what is wrong with a certificate of our own at now: not
// valid yet or any more, or a chain in which a certificate was not issued by the
// one behind it. Peers would refuse it. The error wraps ErrCertificate.
func CheckCertificate(cert *tls.Certificate, now time.Time) error {
	chain, err := Chain(cert)
	if err != nil {
		return err
	}
	for i, c := range chain {
		if err := CheckValidity(c, now); err != nil {
			return err
		}
		if i == len(chain)-1 {
			break
		}
		if !bytes.Equal(c.RawIssuer, chain[i+1].RawSubject) || c.CheckSignatureFrom(chain[i+1]) != nil {
			return fmt.Errorf("%w: %s was not issued by %s, which stands behind it in the chain",
				ErrCertificate, subject(c), subject(chain[i+1]))
		}
	}
	return nil
}

// CheckValidity says whether now is outside of c's time. The error wraps
// ErrCertificate.
func CheckValidity(c *x509.Certificate, now time.Time) error {
	switch {
	case now.After(c.NotAfter):
		return fmt.Errorf("%w: %s expired on %s", ErrCertificate, subject(c), c.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(c.NotBefore):
		return fmt.Errorf("%w: %s is not valid before %s", ErrCertificate, subject(c), c.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

// Chain returns the parsed certificates of cert, leaf first.
func Chain(cert *tls.Certificate) ([]*x509.Certificate, error) {
	chain := make([]*x509.Certificate, 0, len(cert.Certificate))
	for i, der := range cert.Certificate {
		if i == 0 && cert.Leaf != nil {
			chain = append(chain, cert.Leaf)
			continue
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCertificate, err)
		}
		chain = append(chain, c)
	}
	if len(chain) == 0 {
		return nil, fmt.Errorf("%w: none", ErrCertificate)
	}
	return chain, nil
}

// Uncovered returns those of hosts (names or addresses) that no certificate is
// for: clients that check the name refuse to connect to them.
func Uncovered(certs []tls.Certificate, hosts ...string) []string {
	var missing []string
	for _, host := range hosts {
		name := host
		if net.ParseIP(host) != nil {
			name = "[" + host + "]"
		}
		if !slices.ContainsFunc(certs, func(c tls.Certificate) bool { return c.Leaf.VerifyHostname(name) == nil }) {
			missing = append(missing, host)
		}
	}
	return missing
}

// Names returns what a certificate is for: DNS names, then addresses.
func Names(c *x509.Certificate) []string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

// subject names a certificate in an error.
func subject(c *x509.Certificate) string {
	dn, err := FormatDN(c.RawSubject)
	if err != nil {
		dn = c.Subject.String()
	}
	return fmt.Sprintf("%q (serial %X)", dn, c.SerialNumber)
}
