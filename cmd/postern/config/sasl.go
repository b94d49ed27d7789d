package config

import (
	"encoding/base64"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	securityProtocolVar = "GATEWAY_SECURITY_PROTOCOL"
	securityModeVar     = "GATEWAY_SECURITY_MODE"
	userPoolKeyVar      = "GATEWAY_USER_POOL_SECRET_KEY"
	jwksVar             = "GATEWAY_OAUTH_JWKS_URL"
	upstreamIdentityVar = "GATEWAY_UPSTREAM_IDENTITY"
)

// delegatedPrefix is what older names of a protocol begin with that is managed by Kafka.
const delegatedPrefix = "DELEGATED_"

// protocols are the words for a protocol.
var protocols = []string{string(ProtocolPlaintext), string(ProtocolSSL), string(ProtocolSASLPlaintext), string(ProtocolSASLSSL)}

// protocol derives the protocol of the listener and who decides who a client is, of what was said about either and of
// Kafka's own protocol, as the original does. Both are empty if that is not possible.
func (r *reader) protocol(kafka Protocol) (Protocol, SecurityMode) {
	before := len(r.report.Errors)
	protocol, delegated, given := r.listenerProtocol()
	mode := SecurityMode("")
	if _, ok := r.given(securityModeVar); ok {
		mode = SecurityMode(r.choice(securityModeVar, string(ModeGateway), string(ModeKafka)))
	}
	if len(r.report.Errors) > before || kafka == "" {
		return protocol, mode
	}
	switch {
	case !given && mode == "":
		protocol, mode = kafka, modeOf(kafka.SASL())
	case !given && mode != modeOf(kafka.SASL()):
		r.report.fail(securityModeVar, fmt.Sprintf("%s does not tell the listener's protocol while Kafka's is %s (KAFKA_SECURITY_PROTOCOL): set %s", mode, kafka, securityProtocolVar))
		return "", ""
	case !given:
		protocol = kafka
	case mode == "":
		mode = modeOf(delegated)
	case delegated && mode == ModeGateway:
		r.report.fail(securityModeVar, "GATEWAY_MANAGED contradicts "+securityProtocolVar+"="+delegatedPrefix+string(protocol)+": there the brokers decide")
	}
	if mode != ModeKafka {
		return protocol, mode
	}
	if !protocol.SASL() {
		r.report.fail(securityModeVar, fmt.Sprintf("KAFKA_MANAGED is for SASL_PLAINTEXT and SASL_SSL, and the listener's protocol is %s", protocol))
	} else if !kafka.SASL() {
		r.report.fail("KAFKA_SECURITY_PROTOCOL", fmt.Sprintf("%s is no SASL, and the brokers are to decide who a client is (%s, %s)", kafka, securityModeVar, securityProtocolVar))
	}
	return protocol, mode
}

func modeOf(kafkaDecides bool) SecurityMode {
	if kafkaDecides {
		return ModeKafka
	}
	return ModeGateway
}

func (r *reader) listenerProtocol() (p Protocol, delegated, given bool) {
	text, given := r.given(securityProtocolVar)
	if !given {
		return "", false, false
	}
	upper := strings.ToUpper(text)
	if rest, ok := strings.CutPrefix(upper, delegatedPrefix); ok && Protocol(rest).SASL() && slices.Contains(protocols, rest) {
		return Protocol(rest), true, true
	}
	if !slices.Contains(protocols, upper) {
		r.invalid(securityProtocolVar, text, strings.Join(protocols, ", ")+", DELEGATED_SASL_PLAINTEXT, DELEGATED_SASL_SSL")
		return "", false, true
	}
	return Protocol(upper), false, true
}

// authentication reads how clients log in.
func (r *reader) authentication(l *Listener) Authentication {
	a := Authentication{
		UserPoolKey:     r.userPoolKey(),
		AccountRequired: r.boolean("GATEWAY_USER_POOL_SERVICE_ACCOUNT_REQUIRED"),
		OAuth:           r.oauth(),
		MaxReauth:       r.millis("GATEWAY_AUTHENTICATION_CONNECTION_MAX_REAUTH_MS", 0, math.MaxInt32*time.Millisecond),
		Timeout:         r.millis("GATEWAY_AUTHENTICATION_TIMEOUT_MS", 100*time.Millisecond, 10*time.Minute),
		FailureDelay:    r.millis("GATEWAY_FAILED_AUTHENTICATION_DELAY_MS", time.Millisecond, time.Minute),
	}
	if _, set := r.given(userPoolKeyVar); l.Mode == ModeGateway && l.Protocol.SASL() && !set && !a.OAuth.JWKSURL.IsSet() {
		r.missing(userPoolKeyVar, fmt.Sprintf("the listener's protocol is %s: the key by which the tokens are signed that are the users' passwords, 32 random bytes as base64; `openssl rand -base64 32` makes one. There is no default", l.Protocol))
	}
	return a
}

const (
	// userPoolKeyBytes is the least that HS256 asks for (RFC 7518 section 3.2).
	userPoolKeyBytes = 32
	userPoolKeyMost  = 4096
)

// userPoolKey reads the key; what is wrong with it is told without it.
func (r *reader) userPoolKey() Secret {
	text, ok := r.given(userPoolKeyVar)
	if !ok {
		return Secret{}
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		key, err = base64.RawStdEncoding.DecodeString(text)
	}
	switch {
	case err != nil:
		r.report.fail(userPoolKeyVar, "not base64")
	case len(key) < userPoolKeyBytes, len(key) > userPoolKeyMost:
		r.report.fail(userPoolKeyVar, fmt.Sprintf("%d bytes after base64; allowed: %d to %d", len(key), userPoolKeyBytes, userPoolKeyMost))
	default:
		return NewSecret(string(key))
	}
	return Secret{}
}

func (r *reader) oauth() OAuth {
	o := OAuth{
		JWKSURL:     r.address(jwksVar, "https", "http", "file"),
		Issuer:      r.label("GATEWAY_OAUTH_EXPECTED_ISSUER"),
		Audiences:   r.audiences(),
		Refresh:     r.millis("GATEWAY_OAUTH_JWKS_REFRESH", time.Second, math.MaxInt32*time.Millisecond),
		Retry:       r.millis("GATEWAY_OAUTH_JWKS_RETRY", time.Millisecond, math.MaxInt32*time.Millisecond),
		MaxRetry:    r.millis("GATEWAY_OAUTH_JWKS_MAX_RETRY", time.Millisecond, math.MaxInt32*time.Millisecond),
		ScopeClaim:  r.label("GATEWAY_OAUTH_SCOPE_CLAIM_NAME"),
		SubClaim:    r.label("GATEWAY_OAUTH_SUB_CLAIM_NAME"),
		GroupsClaim: r.label("GATEWAY_OAUTH_GROUPS_CLAIM_NAME"),
		ClockSkew:   time.Duration(r.integer("GATEWAY_OAUTH_CLOCK_SKEW_SECONDS", 0, 3600)) * time.Second,
	}
	if o.MaxRetry < o.Retry && o.MaxRetry > 0 {
		r.report.fail("GATEWAY_OAUTH_JWKS_MAX_RETRY", fmt.Sprintf("%d is less than GATEWAY_OAUTH_JWKS_RETRY, %d", o.MaxRetry.Milliseconds(), o.Retry.Milliseconds()))
	}
	return o
}

// address reads a URL of one of several schemes, which may hold a password: nothing of it is repeated.
func (r *reader) address(name string, schemes ...string) Secret {
	text, ok := r.given(name)
	if !ok {
		return Secret{}
	}
	u, err := url.Parse(text)
	if err != nil || !slices.Contains(schemes, u.Scheme) || u.Scheme != "file" && u.Host == "" {
		r.report.fail(name, "not a URL that begins with "+strings.Join(schemes, "://, ")+"://")
		return Secret{}
	}
	return NewSecret(text)
}

// maxAudiences bounds the list of audiences.
const maxAudiences = 100

// audiences reads a comma list, which may stand in brackets.
func (r *reader) audiences() (list []string) {
	const name = "GATEWAY_OAUTH_EXPECTED_AUDIENCES"
	text, _ := r.given(name)
	if inner, ok := strings.CutPrefix(text, "["); ok {
		text = strings.TrimSuffix(inner, "]")
	}
	for one := range strings.SplitSeq(text, ",") {
		if one = strings.Trim(strings.TrimSpace(one), `"'`); one != "" && !slices.Contains(list, one) {
			list = append(list, one)
		}
	}
	if len(list) > maxAudiences {
		r.report.fail(name, fmt.Sprintf("more than %d audiences", maxAudiences))
		return nil
	}
	return list
}

// backendMechanisms are those by which the gateway logs in at brokers.
var backendMechanisms = []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"}

// backendSASL reads how the gateway logs in at the brokers.
func (r *reader) backendSASL(b *Backend, o Options) {
	const mechanismVar, jaasVar, endpointVar = "KAFKA_SASL_MECHANISM", "KAFKA_SASL_JAAS_CONFIG", "KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL"
	mechanism, set := r.given(mechanismVar)
	jaas := r.secret(jaasVar)
	endpoint := r.address(endpointVar, "https", "http")
	b.PerUser = r.choice(upstreamIdentityVar, "GATEWAY", "USER") == "USER"
	b.TokenLifetime = r.millis("GATEWAY_UPSTREAM_TOKEN_LIFETIME_MS", 0, 365*24*time.Hour)
	if !b.Protocol.SASL() {
		if b.PerUser && b.Protocol != "" {
			r.report.fail(upstreamIdentityVar, "USER needs KAFKA_SECURITY_PROTOCOL=SASL_PLAINTEXT or SASL_SSL: users log in at the brokers by SCRAM with delegation tokens")
		}
		if set || jaas.IsSet() {
			r.report.warn(mechanismVar + " and " + jaasVar + " have no effect: KAFKA_SECURITY_PROTOCOL is no SASL")
		}
		return
	}
	switch {
	case !set:
		r.missing(mechanismVar, "KAFKA_SECURITY_PROTOCOL is "+string(b.Protocol)+"; allowed: "+strings.Join(backendMechanisms, ", "))
	case !slices.Contains(backendMechanisms, strings.ToUpper(mechanism)):
		r.invalid(mechanismVar, mechanism, strings.Join(backendMechanisms, ", "))
		set = false
	}
	if !jaas.IsSet() {
		r.missing(jaasVar, "KAFKA_SECURITY_PROTOCOL is "+string(b.Protocol)+": the login module with the gateway's own credentials")
	}
	b.Mechanism, b.JAAS, b.TokenEndpoint = strings.ToUpper(mechanism), jaas, endpoint
	if set && jaas.IsSet() && o.CheckJAAS != nil {
		if err := o.CheckJAAS(b.Mechanism, jaas.Reveal()); err != nil {
			r.report.Errors = append(r.report.Errors, fmt.Errorf("config: %s: %w", jaasVar, err))
		}
	}
	if b.Mechanism == "OAUTHBEARER" && !endpoint.IsSet() {
		if _, given := r.given(endpointVar); !given {
			r.missing(endpointVar, "KAFKA_SASL_MECHANISM is OAUTHBEARER: where the gateway's tokens come from")
		}
	}
}
