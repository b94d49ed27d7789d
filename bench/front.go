package main

import (
	"github.com/postern-kafka/postern/internal/kafkatest/certs"
)

// front is how a peer is set up: what it presents to its clients and what stands
// behind it. The zero front is the usual one: mutual TLS with RSA-2048
// certificates and full handshakes, the run's broker behind it.
type front struct {
	plain   bool          // no TLS
	sasl    bool          // clients log in
	key     certAlgorithm // of the certificates on both ends
	tickets bool          // TLS sessions may be resumed
	backend string        // host:port of a scripted broker instead of the run's
	cluster string        // postern: the id whose mappings it reads; empty for none
}

// certAlgorithm is the kind of the keys, RSA-2048 unless it says otherwise.
type certAlgorithm bool

// ecdsa is the other kind: P-256.
const ecdsa certAlgorithm = true

// algorithm is the kind under certs' name.
func (a certAlgorithm) algorithm() certs.Algorithm {
	if a == ecdsa {
		return certs.ECDSAP256
	}
	return certs.RSA2048
}

// String is the kind's short name.
func (a certAlgorithm) String() string {
	if a == ecdsa {
		return "P-256"
	}
	return "RSA-2048"
}

// plainFront is the front without TLS.
var plainFront = front{plain: true}

// saslFront is the front in clear where clients log in by SASL.
var saslFront = front{plain: true, sasl: true}

// same lets a peer have any front that is asked for.
func same(f front) (front, bool) { return f, true }

// onlyUsual lets a peer have any front of the run's broker that needs no tickets
// and no other certificates.
func onlyUsual(f front) (front, bool) { return f, f == front{} || f == plainFront || f == saslFront }

// withoutTLS gives a peer that has no TLS the plain front in place of the usual
// one: what it costs then is a floor, not a comparison. Where the work is the
// handshake itself it has nothing to show.
func withoutTLS(f front) (front, bool) {
	if f == (front{}) || f == plainFront {
		return plainFront, true
	}
	return f, false
}
