package config

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// listener reads the single-listener variables. kafka is the backend's protocol, which the listener takes over when it
// has none of its own.
func (r *reader) listener(o Options, kafka Protocol) Listener {
	l := Listener{
		Name:              DefaultListener,
		BindHost:          r.host("GATEWAY_BIND_HOST"),
		AdvertisedHost:    r.advertisedHost(o.Hostname),
		PortStart:         int(r.integer("GATEWAY_PORT_START", 1, math.MaxUint16)),
		PortCount:         int(r.integer("GATEWAY_PORT_COUNT", 1, math.MaxUint16)),
		MinBrokerID:       int32(r.integer("GATEWAY_MIN_BROKERID", 0, math.MaxInt32)),
		Routing:           r.routing(),
		ClientAuth:        r.choice("GATEWAY_SSL_CLIENT_AUTH", ClientAuthNone, ClientAuthOptional, ClientAuthRequire),
		PrincipalRulesVar: "GATEWAY_SSL_PRINCIPAL_MAPPING_RULES",
	}
	l.Protocol, l.Mode = r.protocol(kafka)
	if rules := r.text(l.PrincipalRulesVar); rules != table[l.PrincipalRulesVar].Default {
		l.PrincipalRules = rules
		if o.CheckPrincipalRules != nil {
			if err := o.CheckPrincipalRules(rules); err != nil {
				r.report.Errors = append(r.report.Errors, fmt.Errorf("config: %s: %w", l.PrincipalRulesVar, err))
			}
		}
	}
	r.portsFit(&l)
	r.stores(&l)
	return l
}

// fewestPorts is what the smallest cluster takes while the number of ports follows it: (largest id - smallest) + 3.
const fewestPorts = 3

// portsFit checks that there are as many ports above the first as there shall be.
func (r *reader) portsFit(l *Listener) {
	count, name, remedy := l.PortCount, "GATEWAY_PORT_COUNT", ""
	if count == 0 {
		count, name, remedy = fewestPorts, "GATEWAY_PORT_START", ", which is the least for any cluster unless GATEWAY_PORT_COUNT is set"
	}
	if last := l.PortStart + count - 1; last > math.MaxUint16 {
		r.report.fail(name, fmt.Sprintf("%d ports from %d (GATEWAY_PORT_START) end at %d%s; the largest port is %d",
			count, l.PortStart, last, remedy, math.MaxUint16))
	}
}

// advertisedHost is the one that was set, else this host's name, which may be unfit to tell clients.
func (r *reader) advertisedHost(hostname string) string {
	const name = "GATEWAY_ADVERTISED_HOST"
	if _, ok := r.given(name); ok {
		return r.host(name)
	}
	if !isHost(hostname) {
		r.report.fail(name, "not set, and the host's own name "+shown(hostname)+" is none that clients could be told")
	}
	return hostname
}

func (r *reader) routing() Routing {
	const name = "GATEWAY_ROUTING_MECHANISM"
	if text := r.text(name); strings.EqualFold(text, "host") || strings.EqualFold(text, "sni") {
		r.report.fail(name, shown(text)+" is refused: "+reasonSNI+"; allowed: port")
		return ""
	}
	return Routing(r.choice(name, string(RoutingPort)))
}

// maxUpdateMinutes is four weeks.
const maxUpdateMinutes = 28 * 24 * 60

// stores reads the key and trust store and the other files that stand beside them.
func (r *reader) stores(l *Listener) {
	l.KeyStore = r.store("GATEWAY_SSL_KEY_STORE_PATH", "GATEWAY_SSL_KEY_STORE_PASSWORD", "GATEWAY_SSL_KEY_TYPE")
	l.KeyPasswordVar = "GATEWAY_SSL_KEY_PASSWORD"
	l.KeyPassword = r.secret(l.KeyPasswordVar)
	l.TrustStore = r.store("GATEWAY_SSL_TRUST_STORE_PATH", "GATEWAY_SSL_TRUST_STORE_PASSWORD", "GATEWAY_SSL_TRUST_STORE_TYPE")
	l.TLS = r.listenerTLS()
	l.ExtraKeyStores = r.extraKeyStores()
	l.CRLPathsVar, l.OCSPStaplePathVar, l.TicketKeysPathVar = "GATEWAY_SSL_CRL_PATHS", "GATEWAY_SSL_OCSP_STAPLE_PATH", "GATEWAY_SSL_SESSION_TICKET_KEYS"
	l.CRLPaths = r.paths(l.CRLPathsVar)
	l.OCSPStaplePath, _ = r.given(l.OCSPStaplePathVar)
	l.TicketKeysPath, _ = r.given(l.TicketKeysPathVar)
	l.UpdateInterval = time.Duration(r.integer("GATEWAY_SSL_UPDATE_CONTEXT_INTERVAL_MINUTES", 0, maxUpdateMinutes)) * time.Minute
	switch {
	case l.Protocol.TLS():
		r.secured(l)
	case l.Protocol != "":
		if l.ClientAuth == ClientAuthRequire {
			r.report.fail("GATEWAY_SSL_CLIENT_AUTH", "REQUIRE needs GATEWAY_SECURITY_PROTOCOL=SSL or SASL_SSL, and the listener's protocol is "+string(l.Protocol)+": anybody could connect")
		}
		r.unusedStores(securityProtocolVar, l.KeyStore, l.TrustStore)
	}
}

// unusedStores warns about stores that a protocol without TLS leaves unread.
func (r *reader) unusedStores(protocol string, stores ...Store) {
	for _, s := range stores {
		if s.IsSet() {
			r.report.warn(s.PathVar + " is set and has no effect: the protocol has no TLS (" + protocol + ")")
		}
	}
}

// secured says what a listener with TLS lacks.
func (r *reader) secured(l *Listener) {
	why := "the protocol is " + string(l.Protocol) + " by GATEWAY_SECURITY_PROTOCOL: the gateway needs a certificate with its key"
	if _, ok := r.given("GATEWAY_SECURITY_PROTOCOL"); !ok {
		why = "GATEWAY_SECURITY_PROTOCOL is not set and " + string(l.Protocol) + " is taken over from KAFKA_SECURITY_PROTOCOL: the gateway needs a certificate with its key"
	}
	if !l.KeyStore.IsSet() {
		r.missing(l.KeyStore.PathVar, why)
	}
	if l.KeyStore.Type != "pem" {
		if !l.KeyStore.Password.IsSet() {
			r.missing(l.KeyStore.PasswordVar, "the password of the key store")
		}
		if !l.KeyPassword.IsSet() {
			r.missing(l.KeyPasswordVar, "the password of the key; the key store's is not taken in its place, even where both are the same")
		}
	}
	if len(l.CRLPaths) > 0 && !l.TrustStore.IsSet() {
		r.report.fail(l.CRLPathsVar, "needs "+l.TrustStore.PathVar+": a list is believed when an authority in the trust store has signed it")
	}
	if !l.TrustStore.IsSet() && (l.ClientAuth == ClientAuthRequire || l.ClientAuth == ClientAuthOptional) {
		r.missing(l.TrustStore.PathVar, "GATEWAY_SSL_CLIENT_AUTH is "+l.ClientAuth+": client certificates are checked against the authorities in a trust store")
	}
}

func (r *reader) store(path, password, kind string) Store {
	s := Store{Password: r.secret(password), PathVar: path, PasswordVar: password, TypeVar: kind}
	s.Path, _ = r.given(path)
	s.Type = r.choice(kind, storeTypes...)
	return s
}

// storeTypes are the words for a store's format.
var storeTypes = []string{"jks", "pkcs12", "p12", "pem"}
