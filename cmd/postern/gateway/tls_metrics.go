package gateway

import (
	"crypto/x509"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/VictoriaMetrics/metrics"

	"github.com/postern-kafka/postern/tlsterm"
)

// maxAnchorSeries bounds the series of one trust store; those that expire first
// are shown.
const maxAnchorSeries = 64

// writeMetrics writes what is in force, and until when.
func (s *security) writeMetrics(w io.Writer) {
	for _, t := range s.listeners {
		t.writeMetrics(w)
	}
	if s.brokers != nil {
		s.brokers.writeMetrics(w)
	}
	metrics.WriteCounterUint64(w, "gateway_tls_signature_faults_total", tlsterm.SignatureFaults())
}

func (t *listenerTLS) writeMetrics(w io.Writer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	name := t.l.Name
	for _, s := range t.keys {
		writeKeys(w, name, s)
	}
	if t.trust != nil {
		writeTrust(w, name, t.trust)
	}
	for _, s := range t.crls {
		s.figures.write(w, name)
		for _, l := range s.value {
			labels := fmt.Sprintf(`{listener=%s,file=%s,issuer=%s}`, label(name), label(s.spec.Path), label(l.Issuer))
			metrics.WriteGaugeUint64(w, "gateway_tls_crl_revoked_certificates"+labels, uint64(l.Revoked))
			writeTime(w, "gateway_tls_crl_next_update_seconds"+labels, l.NextUpdate)
		}
	}
	if t.staple != nil {
		t.staple.figures.write(w, name)
		labels := fmt.Sprintf(`{listener=%s,file=%s}`, label(name), label(t.staple.spec.Path))
		served := uint64(0)
		if t.stapled.Response != nil {
			served = 1
			writeTime(w, "gateway_tls_ocsp_next_update_seconds"+labels, t.stapled.NextUpdate)
		}
		metrics.WriteGaugeUint64(w, "gateway_tls_ocsp_served"+labels, served)
	}
	if t.ticketFile != nil {
		t.ticketFile.figures.write(w, name)
	}
}

func (t *brokerTLS) writeMetrics(w io.Writer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.keys != nil {
		writeKeys(w, toBrokers, t.keys)
	}
	if t.trust != nil {
		writeTrust(w, toBrokers, t.trust)
	}
}

func writeKeys(w io.Writer, listener string, s *source[tlsterm.Keys]) {
	s.figures.write(w, listener)
	for i := range s.value.Certificates {
		writeExpiry(w, listener, "key", s.spec.Path, s.value.Certificates[i].Leaf)
	}
}

func writeTrust(w io.Writer, listener string, s *source[trust]) {
	s.figures.write(w, listener)
	anchors := slices.SortedFunc(slices.Values(s.value.anchors), func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) })
	for _, c := range anchors[:min(len(anchors), maxAnchorSeries)] {
		writeExpiry(w, listener, "trust", s.spec.Path, c)
	}
}

func writeExpiry(w io.Writer, listener, store, file string, c *x509.Certificate) {
	dn, err := tlsterm.FormatDN(c.RawSubject)
	if err != nil {
		dn = c.Subject.String()
	}
	writeTime(w, fmt.Sprintf(`gateway_tls_certificate_expiry_seconds{listener=%s,store=%s,file=%s,subject=%s,serial="%X"}`,
		label(listener), label(store), label(file), label(dn), c.SerialNumber), c.NotAfter)
}

func (f *figures) write(w io.Writer, listener string) {
	labels := fmt.Sprintf(`{listener=%s,file=%s}`, label(listener), label(f.file))
	metrics.WriteCounterUint64(w, "gateway_tls_reloads_total"+labels, f.reloads)
	metrics.WriteCounterUint64(w, "gateway_tls_reload_failures_total"+labels, f.failures)
	stale := uint64(0)
	if f.stale {
		stale = 1
	}
	metrics.WriteGaugeUint64(w, "gateway_tls_file_stale"+labels, stale)
}

// writeTime writes a time as seconds since 1970.
func writeTime(w io.Writer, name string, at time.Time) {
	if !at.IsZero() {
		metrics.WriteGaugeUint64(w, name, uint64(max(0, at.Unix())))
	}
}

// label quotes a label's value as Prometheus reads it. Certificates may hold any
// text; control characters would break the line.
func label(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
