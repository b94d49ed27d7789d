package interop

import (
	"regexp"
	"strings"
	"testing"
)

// brokerService is what the brokers are to the key distribution centre: clients
// ask it for a ticket to brokerService/<the host that they connect to>, which
// behind a gateway is the gateway's.
const brokerService = "kafka"

// ticket is a login by GSSAPI, with one of a principal's keytabs, for a service.
func (s *saslStage) ticket(name, keytab, service string) login {
	module := s.kdc.module(name, keytab)
	return login{Mechanism: "GSSAPI", Module: strings.TrimSuffix(module, ";") + ` serviceName="` + service + `";`}
}

// testKerberos logs clients in at the broker by tickets of a key distribution
// centre. They are to the broker who they are, and nobody to the gateway.
func testKerberos(t *testing.T, s *saslStage) {
	s.permit(t, "alice", "alice-")
	s.topic(t, "alice-kerberos")
	dir := t.TempDir()
	var alice, bob []string
	for _, d := range s.relayDoors() {
		alice = append(alice, s.settings(t, dir, "alice-"+d.name, d, s.ticket("alice", ".keytab", brokerService)))
		bob = append(bob, s.settings(t, dir, "bob-"+d.name, d, s.ticket("bob", ".keytab", brokerService)))
	}
	for name, saw := range s.java(t, "walk", "alice-kerberos", alice...) {
		if saw != "20 records" {
			t.Errorf("%s: %s", name, saw)
		}
	}
	for name, saw := range s.java(t, "write", "alice-kerberos", bob...) {
		if !strings.HasPrefix(saw, "TopicAuthorizationException: ") {
			t.Errorf("%s: %s", name, saw)
		}
	}
	for _, d := range s.relayDoors() {
		if d.gateway != nil {
			d.gateway.awaitLog(t, " user=ANONYMOUS ")
		}
	}
	testTicketRefused(t, s)
}

// testTicketRefused: a keytab with an old key fails at the key distribution
// centre, a ticket to another service at the broker. Clients see the same as they
// do at the broker itself.
func testTicketRefused(t *testing.T, s *saslStage) {
	dir := t.TempDir()
	doors := map[string]loginDoor{"broker": s.brokerDoor(), "relay": s.relayDoors()[0]}
	var settings []string
	for where, d := range doors {
		settings = append(settings,
			s.settings(t, dir, "stale-"+where, d, s.ticket("alice", ".stale.keytab", brokerService)),
			s.settings(t, dir, "other-"+where, d, s.ticket("alice", ".keytab", "other")))
	}
	saw := s.java(t, "write", "alice-kerberos", settings...)
	for which, want := range map[string]string{
		"stale": `^(Krb|Asn1)Exception: `, // whether Java looks into the centre's answer differs
		"other": `^SaslAuthenticationException: Authentication failed during authentication due to invalid credentials with SASL mechanism GSSAPI`,
	} {
		if got := saw[which+"-broker"]; !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%s: the broker answers %q, want %q", which, got, want)
		}
		if got, want := saw[which+"-relay"], saw[which+"-broker"]; got != want {
			t.Errorf("%s: the gateway answers %q, the broker %q", which, got, want)
		}
	}
}
