package tlsterm

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"reflect"
	"strings"
	"syscall"
)

// HandshakeCause names why a handshake, or a Conn, failed, as one of a closed
// set of texts fit for a metric's label and a log line:
//
//	timeout, canceled, peer closed, peer reset,
//	plaintext kafka, http, sslv2, not tls,
//	no certificate, unknown ca, certificate expired, certificate not yet valid,
//	certificate usage, certificate name, certificate invalid, certificate revoked,
//	identity refused,
//	protocol version, no common cipher suite, no common named group,
//	handshake too large,
//	protocol error, peer alert: <name in RFC 8446>, peer alert: other, other
//
// It returns "" for nil.
func HandshakeCause(err error) string {
	var header tls.RecordHeaderError
	switch {
	case err == nil:
		return ""
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, errHandshakeTooLarge):
		return "handshake too large"
	case errors.Is(err, ErrSuiteRefused):
		return "no common cipher suite"
	case errors.Is(err, ErrRevoked):
		return "certificate revoked"
	case errors.Is(err, ErrIdentityRefused):
		return "identity refused"
	case errors.As(err, &header):
		return headerCause(header)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "peer closed"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "peer reset"
	}
	if cause := certificateCause(err); cause != "" {
		return cause
	}
	return protocolCause(err)
}

// headerCause looks at the header only if it was the first: crypto/tls gives the
// connection along with it then, but not where it answered SSLv2 with an alert.
func headerCause(h tls.RecordHeaderError) string {
	o := Opening(h.RecordHeader[:])
	switch {
	case h.Conn == nil && o != "sslv2", o == "tls":
		return "protocol error"
	case o == "":
		return "not tls"
	}
	return o
}

func certificateCause(err error) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var chain *tls.CertificateVerificationError
	switch {
	case errors.As(err, &unknown):
		return "unknown ca"
	case errors.As(err, &name):
		return "certificate name"
	case errors.As(err, &invalid):
		return invalidCause(invalid)
	case errors.As(err, &chain):
		return "certificate invalid"
	}
	return ""
}

func invalidCause(e x509.CertificateInvalidError) string {
	switch e.Reason { //nolint:exhaustive // the rest are one kind to an operator
	case x509.Expired:
		if strings.Contains(e.Detail, " is before ") {
			return "certificate not yet valid"
		}
		return "certificate expired"
	case x509.IncompatibleUsage:
		return "certificate usage"
	}
	return "certificate invalid"
}

// protocolCause tells apart what crypto/tls says only in words. The words are
// pinned by tests.
func protocolCause(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		return "peer alert: " + alertName(op.Err)
	}
	text := err.Error()
	for _, w := range [...]struct{ words, cause string }{
		{"tls: client didn't provide a certificate", "no certificate"},
		{"tls: client offered only unsupported versions", "protocol version"},
		{"tls: server selected unsupported protocol version", "protocol version"},
		{"tls: no cipher suite supported by both", "no common cipher suite"},
		{"tls: no key exchanges supported by both", "no common named group"},
		{"tls: failed to parse certificate", "certificate invalid"},
		{"tls: failed to verify certificate", "certificate invalid"},
		{"tls: ", "protocol error"},
	} {
		if strings.Contains(text, w.words) {
			return w.cause
		}
	}
	return "other"
}

// alertNames are the alerts of RFC 8446 section 6 and of TLS 1.2.
var alertNames = map[uint64]string{
	10: "unexpected_message", 20: "bad_record_mac", 22: "record_overflow",
	40: "handshake_failure", 42: "bad_certificate", 43: "unsupported_certificate",
	44: "certificate_revoked", 45: "certificate_expired", 46: "certificate_unknown",
	47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error",
	51: "decrypt_error", 70: "protocol_version", 71: "insufficient_security",
	80: "internal_error", 86: "inappropriate_fallback", 90: "user_canceled",
	100: "no_renegotiation", 109: "missing_extension", 110: "unsupported_extension",
	112: "unrecognized_name", 113: "bad_certificate_status_response",
	115: "unknown_psk_identity", 116: "certificate_required", 120: "no_application_protocol",
}

// alertName names the alert in an error of crypto/tls, whose type is a number
// that it does not export.
func alertName(err error) string {
	if v := reflect.ValueOf(err); v.Kind() == reflect.Uint8 {
		if name, ok := alertNames[v.Uint()]; ok {
			return name
		}
	}
	return "other"
}
