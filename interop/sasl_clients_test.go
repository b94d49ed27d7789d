package interop

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/postern-kafka/postern/internal/kafkatest"
	"github.com/postern-kafka/postern/interop/clients"
)

// login is how a client logs in. As JSON it is what the walks are told.
type login struct {
	Mechanism string `json:"mechanism"`
	// Username and Password are those of PLAIN and SCRAM.
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
	// Endpoint is where OAUTHBEARER fetches its tokens, Client and Secret what
	// it fetches them with.
	Endpoint string `json:"endpoint,omitempty"`
	Client   string `json:"client,omitempty"`
	Secret   string `json:"secret,omitempty"`
	Scope    string `json:"scope,omitempty"`

	Once  bool `json:"once,omitempty"`  // give up at the first refusal
	Renew int  `json:"renew,omitempty"` // seconds of the step renew

	// Module is the login module of mechanisms that Java alone is tried with.
	Module string `json:"-"`
}

// bearer is a login with tokens that the issuer gives to a client.
func (s *saslStage) bearer(client string) login {
	return login{Mechanism: "OAUTHBEARER", Endpoint: s.issuer.TokenURL(), Client: client, Secret: issuerSecret, Scope: "kafka"}
}

// jaas is what a Java client is told.
func (l login) jaas() string {
	const home = "org.apache.kafka.common.security."
	switch l.Mechanism {
	case "GSSAPI", "AWS_MSK_IAM":
		return l.Module
	case "PLAIN":
		return home + "plain.PlainLoginModule required username=" + kafkatest.QuoteJAAS(l.Username) + " password=" + kafkatest.QuoteJAAS(l.Password) + ";"
	case "OAUTHBEARER":
		return home + "oauthbearer.OAuthBearerLoginModule required clientId=" + kafkatest.QuoteJAAS(l.Client) +
			" clientSecret=" + kafkatest.QuoteJAAS(l.Secret) + " scope=" + kafkatest.QuoteJAAS(l.Scope) + ";"
	}
	return home + "scram.ScramLoginModule required username=" + kafkatest.QuoteJAAS(l.Username) + " password=" + kafkatest.QuoteJAAS(l.Password) + ";"
}

// franz is a franz-go client that logs in.
func (s *saslStage) franz(t *testing.T, d loginDoor, l login, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	options = append([]kgo.Opt{kgo.SeedBrokers(d.bootstrap), kgo.SASL(s.mechanism(l))}, options...)
	if d.ca != "" {
		options = append(options, kgo.DialTLSConfig(s.cluster.Authority().Anonymous("localhost")))
	}
	return newClient(t, options...)
}

func (s *saslStage) mechanism(l login) sasl.Mechanism {
	switch l.Mechanism {
	case "PLAIN":
		return plain.Auth{User: l.Username, Pass: l.Password}.AsMechanism()
	case "SCRAM-SHA-256":
		return scram.Auth{User: l.Username, Pass: l.Password}.AsSha256Mechanism()
	case "SCRAM-SHA-512":
		return scram.Auth{User: l.Username, Pass: l.Password}.AsSha512Mechanism()
	}
	return oauth.Oauth(func(context.Context) (oauth.Auth, error) {
		return oauth.Auth{Token: s.issuer.Token(l.Client, l.Secret, l.Scope)}, nil
	})
}

// loginClasses is the folder with the compiled Java program; what it is made of
// is in all releases.
var loginClasses = javaClasses("Login", kafkaJars(kafkatest.Kafka352))

// java has the Java client of the brokers' release do something with each file
// of settings, and returns what it saw by the file's name.
func (s *saslStage) java(t *testing.T, what, topic string, settings ...string) map[string]string {
	t.Helper()
	return s.javaOn(t, nil, nil, what, topic, settings...)
}

// javaOn is java with further flags and jars.
func (s *saslStage) javaOn(t *testing.T, flags []string, more []jars, what, topic string, settings ...string) map[string]string {
	t.Helper()
	classpath := javaClasspath(t, loginClasses, append([]jars{kafkaJars(s.version)}, more...)...)
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	flags = append([]string{
		"-XX:TieredStopAtLevel=1", "-Xmx256m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
		"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=" + s.issuer.TokenURL(),
		"-Djava.security.krb5.conf=" + s.kdc.config,
	}, flags...)
	out, errOut, err := kafkatest.RunJava(ctx, nil, append(append(flags, "-cp", classpath, "Login", what, topic), settings...)...)
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, errOut)
	}
	saw := map[string]string{}
	for _, line := range lines(out) {
		name, what, _ := strings.Cut(line, ": ")
		saw[name] = what
	}
	if len(saw) != len(settings) || t.Failed() {
		t.Errorf("the client printed\n%s%s", out, errOut)
	}
	return saw
}

// walk runs a walk that logs in, with the certificate of CN=alice if cert.
func (s *saslStage) walk(t *testing.T, program clients.Program, d loginDoor, l login, cert bool, topic string, steps ...string) (out, errOut string, err error) {
	t.Helper()
	how, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	program.Env = append(program.Env[:len(program.Env):len(program.Env)], "LOGIN="+string(how))
	ctx, cancel := context.WithTimeout(t.Context(), clientPatience)
	defer cancel()
	certPEM, keyPEM := "", ""
	if cert {
		certPEM, keyPEM = s.alice.CertPEM, s.alice.KeyPEM
	}
	return program.Run(ctx, nil, d.bootstrap, d.ca, certPEM, keyPEM, topic, strings.Join(steps, ","))
}

// walks are the clients with a walk, by name.
var walks = []struct {
	name    string
	program func(context.Context, string) (clients.Program, error)
}{
	{"kafkajs", clients.KafkaJS},
	{"kafka-python", clients.KafkaPython},
	{"confluent-kafka", clients.Confluent},
}

// kcatRun runs kcat once.
func kcatRun(t *testing.T, kcat clients.Program, d loginDoor, l login, input string, args ...string) (out, errOut string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clientPatience)
	defer cancel()
	settings := []string{
		"-b", d.bootstrap, "-X", "security.protocol=" + strings.ToLower(d.name), "-X", "sasl.mechanism=" + l.Mechanism,
		"-X", "sasl.username=" + l.Username, "-X", "sasl.password=" + l.Password,
	}
	if d.ca != "" {
		settings = append(settings, "-X", "ssl.ca.location="+d.ca)
	}
	return kcat.Run(ctx, strings.NewReader(input), append(settings, args...)...)
}
