package kafkatest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// SASL is what a listener asks its clients for.
type SASL struct {
	// Mechanisms are offered: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER,
	// and those of Modules.
	Mechanisms []string
	// Modules are the login modules of further mechanisms, with their options, by
	// the mechanism's name.
	Modules map[string]string
	// Plain holds the accounts of PLAIN, passwords by name. Accounts of SCRAM
	// are made by Cluster.Scram.
	Plain map[string]string
	// OAuth says whose tokens OAUTHBEARER takes; nil takes unsigned ones (alg
	// none), as Kafka does unless it is told otherwise.
	OAuth *OAuth
	// MaxReauth is after which time a client must have logged in anew; 0 never.
	MaxReauth time.Duration
}

// OAuth says which signed tokens a broker takes.
type OAuth struct {
	JWKS     string // URL of the keys
	Issuer   string
	Audience string
}

// properties are the settings of a listener for SASL.
func (s *SASL) properties(p map[string]string, listener, version string) {
	prefix := "listener.name." + strings.ToLower(listener) + "."
	p[prefix+"sasl.enabled.mechanisms"] = strings.Join(s.Mechanisms, ",")
	for _, mechanism := range s.Mechanisms {
		own := prefix + strings.ToLower(mechanism) + "."
		p[own+"sasl.jaas.config"] = s.jaas(mechanism)
		if s.MaxReauth > 0 {
			p[own+"connections.max.reauth.ms"] = fmt.Sprint(s.MaxReauth.Milliseconds())
		}
		if mechanism != "OAUTHBEARER" || s.OAuth == nil {
			continue
		}
		home := "org.apache.kafka.common.security.oauthbearer."
		if version == Kafka352 {
			home += "secured."
		}
		p[own+"sasl.server.callback.handler.class"] = home + "OAuthBearerValidatorCallbackHandler"
		p[own+"sasl.oauthbearer.jwks.endpoint.url"] = s.OAuth.JWKS
		p[own+"sasl.oauthbearer.expected.issuer"] = s.OAuth.Issuer
		p[own+"sasl.oauthbearer.expected.audience"] = s.OAuth.Audience
	}
}

func (s *SASL) jaas(mechanism string) string {
	const home = "org.apache.kafka.common.security."
	if module, ok := s.Modules[mechanism]; ok {
		return EscapeProperty(module)
	}
	switch mechanism {
	case "PLAIN":
		var b strings.Builder
		b.WriteString(home + "plain.PlainLoginModule required")
		for _, name := range slices.Sorted(maps.Keys(s.Plain)) {
			fmt.Fprintf(&b, ` user_%s=%s`, name, QuoteJAAS(s.Plain[name]))
		}
		return EscapeProperty(b.String() + ";")
	case "OAUTHBEARER":
		return home + "oauthbearer.OAuthBearerLoginModule required;"
	}
	return home + "scram.ScramLoginModule required;"
}

// QuoteJAAS writes an option's value as a JAAS configuration has it.
func QuoteJAAS(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}

// EscapeProperty writes a value as java.util.Properties reads it.
func EscapeProperty(value string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(value)) {
		switch {
		case unit == '\\':
			b.WriteString(`\\`)
		case unit < ' ' || unit > '~':
			fmt.Fprintf(&b, `\u%04x`, unit)
		default:
			b.WriteByte(byte(unit))
		}
	}
	return b.String()
}

// allowedURLs are the addresses that brokers since 4.0 must be told, by a
// property of the JVM, that they may ask.
func (o Options) allowedURLs() string {
	var urls []string
	for _, l := range o.Listeners {
		if l.SASL != nil && l.SASL.OAuth != nil {
			urls = append(urls, l.SASL.OAuth.JWKS)
		}
	}
	return strings.Join(urls, ",")
}

// addSecurity renders who may log in and who may do what.
func (o Options) addSecurity(p map[string]string) {
	for _, l := range o.Listeners {
		if l.SASL != nil {
			l.SASL.properties(p, l.Name, o.Version)
		}
	}
	if o.TokenKey != "" {
		p["delegation.token.secret.key"] = o.TokenKey
	}
	if o.Authorizer {
		p["authorizer.class.name"] = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
		// Brokers, controllers and the tests' own clients come in clear.
		p["super.users"] = strings.Join(append([]string{"User:ANONYMOUS"}, o.SuperUsers...), ";")
	}
}

// Scram makes an account, or gives it another password, and returns when every
// broker knows it. mechanism is SCRAM-SHA-256 or SCRAM-SHA-512.
func (c *Cluster) Scram(ctx context.Context, mechanism, name, password string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Seeds()...))
	if err != nil {
		return fmt.Errorf("kafkatest: %w", err)
	}
	defer client.Close()
	kind := kadm.ScramSha256
	if mechanism == "SCRAM-SHA-512" {
		kind = kadm.ScramSha512
	}
	account := kadm.UpsertSCRAM{User: name, Mechanism: kind, Iterations: 4096, Password: password}
	altered, err := kadm.NewClient(client).AlterUserSCRAMs(ctx, nil, []kadm.UpsertSCRAM{account})
	if err == nil {
		err = altered.Error()
	}
	if err != nil {
		return fmt.Errorf("kafkatest: SCRAM account %s: %w", name, err)
	}
	return c.awaitScram(ctx, kind, name)
}

// awaitScram waits for every broker: they hear of accounts from the controller.
func (c *Cluster) awaitScram(ctx context.Context, kind kadm.ScramMechanism, name string) error {
	for _, b := range c.brokers {
		client, err := kgo.NewClient(kgo.SeedBrokers(b.Addr()))
		if err != nil {
			return fmt.Errorf("kafkatest: %w", err)
		}
		err = Await(ctx, fmt.Sprintf("kafkatest: broker %d knows account %s", b.ID, name), func(ctx context.Context) error {
			described, err := kadm.NewClient(client).DescribeUserSCRAMs(ctx, name)
			if err != nil {
				return err
			}
			if err := described[name].Err; err != nil {
				return err
			}
			for _, i := range described[name].CredInfos {
				if i.Mechanism == kind {
					return nil
				}
			}
			return fmt.Errorf("it knows %v", described[name].CredInfos)
		})
		client.Close()
		if err != nil {
			return err
		}
	}
	return nil
}
