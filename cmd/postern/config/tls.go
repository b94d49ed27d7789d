package config

import (
	"strings"

	"github.com/postern-kafka/postern/tlsterm"
)

const (
	namedGroupsVar      = "GATEWAY_SSL_NAMED_GROUPS"
	gatewayProtocolsVar = "GATEWAY_SSL_ENABLED_PROTOCOLS"
	gatewaySuitesVar    = "GATEWAY_SSL_CIPHER_SUITES"
	kafkaProtocolsVar   = "KAFKA_SSL_ENABLED_PROTOCOLS"
	kafkaSuitesVar      = "KAFKA_SSL_CIPHER_SUITES"
)

// listenerTLS reads how TLS is spoken with clients.
func (r *reader) listenerTLS() tlsterm.Settings {
	s := tlsterm.Settings{Groups: names(r, namedGroupsVar, tlsterm.ParseGroups)}
	r.protocolsAndSuites(&s, gatewayProtocolsVar, gatewaySuitesVar)
	return s
}

// backendTLS reads how it is spoken with brokers. The groups are those of the listener, as Java's are those of the
// process; what is wrong with them is said there.
func (r *reader) backendTLS() tlsterm.Settings {
	var s tlsterm.Settings
	s.Groups, _ = tlsterm.ParseGroups(r.text(namedGroupsVar))
	r.protocolsAndSuites(&s, kafkaProtocolsVar, kafkaSuitesVar)
	return s
}

// protocolsAndSuites reads both and checks that they, and the groups, leave a way to connect.
func (r *reader) protocolsAndSuites(s *tlsterm.Settings, protocols, suites string) {
	before := len(r.report.Errors)
	s.Protocols = names(r, protocols, tlsterm.ParseProtocols)
	s.Suites = names(r, suites, tlsterm.ParseSuites)
	if len(r.report.Errors) > before {
		return
	}
	left := s.ProtocolNames()
	switch _, given := r.given(protocols); {
	case s.Check() != nil:
		r.report.fail(protocols, shown(r.text(protocols))+" leaves nothing to connect with: none of "+suites+" and "+namedGroupsVar+" is for it")
	case given && len(left) < len(s.Protocols):
		r.report.warn(protocols + " comes to " + strings.Join(left, ", ") + ": none of " + suites + " and " + namedGroupsVar + " is for the rest")
	}
}

// names reads a comma list of names that tlsterm knows.
func names[T any](r *reader, name string, parse func(list string) ([]T, error)) []T {
	text := r.text(name)
	values, err := parse(text)
	switch {
	case err != nil:
		r.report.fail(name, strings.TrimPrefix(err.Error(), "tlsterm: "))
	case len(values) == 0 && text != "":
		r.invalid(name, text, "at least one name")
	}
	return values
}
