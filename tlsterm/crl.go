package tlsterm

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"time"
)

// ErrCRL is wrapped by every error of ParseCRLs and NewRevocations.
var ErrCRL = errors.New("tlsterm: certificate revocation list")

// A CRL is one revocation list (RFC 5280 section 5), complete for its scope.
type CRL struct {
	Issuer     string    // as FormatDN prints it
	Number     *big.Int  // nil if it has none
	ThisUpdate time.Time // when it was issued
	NextUpdate time.Time // when there is a newer one at the latest; zero if not said
	Revoked    int       // certificates on it

	list    *x509.RevocationList // without its entries
	scope   []byte               // its IssuingDistributionPoint
	digest  [sha256.Size]byte
	serials map[string]revoked // by the serial number's bytes

	mu     sync.Mutex
	judged map[[sha256.Size]byte]error // what the signature is worth with an issuer's key
}

type revoked struct {
	at     time.Time
	reason int
}

var (
	oidDeltaCRL         = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidDistribution     = asn1.ObjectIdentifier{2, 5, 29, 28}
	oidCertificateOwner = asn1.ObjectIdentifier{2, 5, 29, 29}
)

// ParseCRLs reads one list in DER or any number in PEM. Signatures are for
// NewRevocations to check. Delta lists and indirect ones, which speak of
// certificates of other issuers, are refused. The error wraps ErrCRL.
func ParseCRLs(data []byte) ([]*CRL, error) {
	var blocks [][]byte
	if !bytes.Contains(data[:min(len(data), 64<<10)], []byte("-----BEGIN ")) {
		blocks = [][]byte{data}
	}
	for rest := data; len(blocks) == 0 || rest != nil; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == "X509 CRL" {
			blocks = append(blocks, block.Bytes)
		}
	}
	if len(blocks) == 0 {
		return nil, fmt.Errorf("%w: no PEM block X509 CRL in the file", ErrCRL)
	}
	lists := make([]*CRL, 0, len(blocks))
	for i, der := range blocks {
		l, err := parseCRL(der)
		if err != nil {
			return nil, fmt.Errorf("%w: list %d: %w", ErrCRL, i+1, err)
		}
		lists = append(lists, l)
	}
	return lists, nil
}

func parseCRL(der []byte) (*CRL, error) {
	list, err := x509.ParseRevocationList(der)
	if err == nil && len(list.Raw) != len(der) {
		err = fmt.Errorf("%d bytes behind the list", len(der)-len(list.Raw))
	}
	if err != nil {
		return nil, err
	}
	l := &CRL{
		Number: list.Number, ThisUpdate: list.ThisUpdate, NextUpdate: list.NextUpdate,
		Revoked: len(list.RevokedCertificateEntries),
		list:    list, digest: sha256.Sum256(list.Raw),
		serials: make(map[string]revoked, len(list.RevokedCertificateEntries)),
		judged:  make(map[[sha256.Size]byte]error),
	}
	if l.Issuer, err = FormatDN(list.RawIssuer); err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	if err := l.readExtensions(); err != nil {
		return nil, err
	}
	for _, e := range list.RevokedCertificateEntries {
		for _, ext := range e.Extensions {
			if ext.Critical && ext.Id.Equal(oidCertificateOwner) {
				return nil, errors.New("it is an indirect list, which is not supported")
			}
		}
		l.serials[string(e.SerialNumber.Bytes())] = revoked{at: e.RevocationTime, reason: e.ReasonCode}
	}
	// The index holds what the entries say in a fraction of their memory.
	list.RevokedCertificateEntries, list.RevokedCertificates, list.Raw = nil, nil, nil //nolint:staticcheck // the deprecated field holds memory too
	return l, nil
}

func (l *CRL) readExtensions() error {
	for _, ext := range l.list.Extensions {
		switch {
		case ext.Id.Equal(oidDeltaCRL):
			return errors.New("it is a delta list, which is not supported: name the complete one")
		case ext.Id.Equal(oidDistribution):
			l.scope = ext.Value
			indirect, err := isIndirect(ext.Value)
			if err != nil {
				return err
			}
			if indirect {
				return errors.New("it is an indirect list, which is not supported")
			}
		case ext.Critical:
			return fmt.Errorf("critical extension %s is not known", ext.Id)
		}
	}
	return nil
}

// isIndirect reads the one flag of an IssuingDistributionPoint that changes
// whose certificates the list speaks of. What narrows its scope needs no regard:
// serial numbers are unique to an issuer.
func isIndirect(der []byte) (bool, error) {
	var fields []asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &fields); err != nil || len(rest) > 0 {
		return false, errors.New("its issuing distribution point is not well-formed")
	}
	for _, f := range fields {
		if f.Class == asn1.ClassContextSpecific && f.Tag == 4 {
			return len(f.Bytes) != 1 || f.Bytes[0] != 0, nil
		}
	}
	return false, nil
}

// signedBy returns nil if issuer signed the list, and was allowed to.
func (l *CRL) signedBy(issuer *x509.Certificate) error {
	who := sha256.Sum256(issuer.Raw)
	l.mu.Lock()
	defer l.mu.Unlock()
	err, known := l.judged[who]
	if !known {
		err = l.list.CheckSignatureFrom(issuer)
		if len(l.judged) < maxIssuers {
			l.judged[who] = err
		}
	}
	return err
}

// maxIssuers bounds how many verdicts a list remembers. Issuers come out of
// chains that were verified, so only a trusted authority can make many.
const maxIssuers = 256

// Revocations is a set of lists in force together. It is immutable but for what
// it remembers, and safe for concurrent use.
type Revocations struct {
	Lists      []*CRL
	byIssuer   map[string][]*CRL
	generation [sha256.Size]byte
	anchored   map[*CRL]*x509.Certificate // by whom of the trust store a list was signed
}

// NewRevocations puts lists in force. One that bears the name of a certificate
// in anchors must be signed by it; whether another is signed by whom it names is
// seen in the chains of clients. Of several lists of one issuer and scope the
// newest counts. The error wraps ErrCRL.
func NewRevocations(lists []*CRL, anchors []*x509.Certificate) (*Revocations, error) {
	r := &Revocations{byIssuer: make(map[string][]*CRL), anchored: make(map[*CRL]*x509.Certificate)}
	for _, l := range lists {
		issuer, err := l.anchor(anchors)
		if err != nil {
			return nil, err
		}
		if issuer != nil {
			r.anchored[l] = issuer
		}
		r.add(l)
	}
	for _, l := range r.byIssuer {
		r.Lists = append(r.Lists, l...)
	}
	slices.SortFunc(r.Lists, func(a, b *CRL) int { return bytes.Compare(a.digest[:], b.digest[:]) })
	h := sha256.New()
	for _, l := range r.Lists {
		_, _ = h.Write(l.digest[:]) // never fails, says package hash
	}
	h.Sum(r.generation[:0])
	return r, nil
}

// anchor returns the certificate among anchors that signed l; nil if none has
// its issuer's name.
func (l *CRL) anchor(anchors []*x509.Certificate) (*x509.Certificate, error) {
	var fault error
	for _, a := range anchors {
		if !bytes.Equal(a.RawSubject, l.list.RawIssuer) {
			continue
		}
		err := l.signedBy(a)
		if err == nil {
			return a, nil
		}
		sameKey := len(l.list.AuthorityKeyId) == 0 || len(a.SubjectKeyId) == 0 ||
			bytes.Equal(l.list.AuthorityKeyId, a.SubjectKeyId)
		if sameKey {
			fault = fmt.Errorf("%w: of %q: not signed by the certificate of that name in the trust store: %w", ErrCRL, l.Issuer, err)
		}
	}
	return nil, fault
}

// add takes l in unless there is a newer one of the same issuer, key and scope.
func (r *Revocations) add(l *CRL) {
	issuer := string(l.list.RawIssuer)
	for i, other := range r.byIssuer[issuer] {
		if !bytes.Equal(l.scope, other.scope) || !bytes.Equal(l.list.AuthorityKeyId, other.list.AuthorityKeyId) {
			continue
		}
		if l.newer(other) {
			r.byIssuer[issuer][i] = l
		}
		return
	}
	r.byIssuer[issuer] = append(r.byIssuer[issuer], l)
}

func (l *CRL) newer(other *CRL) bool {
	if l.Number != nil && other.Number != nil && l.Number.Cmp(other.Number) != 0 {
		return l.Number.Cmp(other.Number) > 0
	}
	return l.ThisUpdate.After(other.ThisUpdate)
}

// Generation identifies the lists in force: it is another one whenever anything
// in them is. Tickets of one generation must not be taken in another.
func (r *Revocations) Generation() [sha256.Size]byte { return r.generation }

// Anchored reports whether l was signed by a certificate of the trust store; if
// not, it takes effect for chains that hold its issuer.
func (r *Revocations) Anchored(l *CRL) bool { return r.anchored[l] != nil }

// Check returns nil if at least one of a client's verified chains holds no
// revoked certificate, or if there are no chains. A list that is past its
// NextUpdate still counts, and an issuer without a list has revoked nothing. The
// error wraps ErrRevoked. It is a ServerOptions.ChainChecks.
func (r *Revocations) Check(chains [][]*x509.Certificate) error {
	var first error
	for _, chain := range chains {
		err := r.checkChain(chain)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return first
}

func (r *Revocations) checkChain(chain []*x509.Certificate) error {
	for i, c := range chain {
		for _, l := range r.byIssuer[string(c.RawIssuer)] {
			entry, listed := l.serials[string(c.SerialNumber.Bytes())]
			if listed && r.speaksOf(l, chain, i) {
				return fmt.Errorf("%w: %s: by its issuer on %s, reason: %s",
					ErrRevoked, subject(c), entry.at.UTC().Format(time.RFC3339), reasonName(entry.reason))
			}
		}
	}
	return nil
}

// speaksOf reports whether l was signed by the issuer of chain[i], and not only
// by somebody of that name.
func (r *Revocations) speaksOf(l *CRL, chain []*x509.Certificate, i int) bool {
	if i+1 < len(chain) {
		return l.signedBy(chain[i+1]) == nil
	}
	// A trust anchor of its own. Its issuer may be another one.
	issuer := r.anchored[l]
	return issuer != nil && chain[i].CheckSignatureFrom(issuer) == nil
}

// reasonName names a CRLReason (RFC 5280 section 5.3.1).
func reasonName(code int) string {
	names := [...]string{
		"unspecified", "key compromise", "CA compromise", "affiliation changed", "superseded",
		"cessation of operation", "certificate hold", 7: "", "removed from the list", "privilege withdrawn", "AA compromise",
	}
	if code < 0 || code >= len(names) || names[code] == "" {
		return fmt.Sprintf("code %d", code)
	}
	return names[code]
}
