package interop

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/postern-kafka/postern/internal/kafkatest"
	"github.com/postern-kafka/postern/internal/kafkatest/certs"
)

// The heart of the demo on the brokers of its compose file, for a machine
// without Java: a mapping, a topic through the gateway, the same list on both
// sides, and no answer without a certificate.
func TestDocker(t *testing.T) {
	if kafkatest.Missing(kafkatest.Kafka352, kafkatest.Kafka440) == "" {
		t.Skip("Java is here: TestKafka352 and TestKafka440 see all of this and more")
	}
	if reason := kafkatest.MissingDocker(t.Context()); reason != "" {
		t.Skipf("left out, Require says what for: no Java and %s", reason)
	}
	var seeds, names []string
	for i := range 3 {
		name := fmt.Sprintf("kafka%d", i+1)
		names = append(names, name)
		published := readCompose(t)[name].Ports[0]
		outside, _, _ := strings.Cut(published, ":")
		seeds = append(seeds, "localhost:"+outside)
	}
	brokers := kafkatest.StartDocker(t, filepath.Join(demoFolder, "docker-compose.yaml"), seeds, names...)

	authority, err := certs.NewAuthority("interop CA", certs.RSA2048)
	if err != nil {
		t.Fatal(err)
	}
	server, err := authority.Server("gateway", certs.RSA2048)
	if err != nil {
		t.Fatal(err)
	}
	store, err := server.Write(t.TempDir(), "gateway", certs.PKCS12)
	if err != nil {
		t.Fatal(err)
	}
	client, err := authority.Client("username")
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{brokers: strings.Join(brokers.Seeds, ","), server: store, tls: client.ClientTLS("localhost")}
	s.one = startGateway(t, "one", s.environment(map[string]string{"GATEWAY_CLUSTER_ID": "gateway"}))
	s.one.postMapping(t, "CN=username")
	through := kadm.NewClient(s.client(t))
	if _, err := through.CreateTopic(t.Context(), 10, 1, nil, "foo"); err != nil {
		t.Fatal(err)
	}
	directly := kadm.NewClient(newClient(t, kgo.SeedBrokers(brokers.Seeds...)))
	await(t, "both sides list the same, the new topic included", patience, func(ctx context.Context) error {
		ours, err := through.ListTopics(ctx)
		if err != nil {
			return err
		}
		theirs, err := directly.ListTopics(ctx)
		if err != nil {
			return err
		}
		if !ours.Has("foo") || !slices.Equal(ours.Names(), theirs.Names()) {
			return fmt.Errorf("the gateway lists %q, the brokers %q", ours.Names(), theirs.Names())
		}
		return nil
	})
	if err := askVersions(t, s.one.bootstrap(), authority.Anonymous("localhost")); err == nil {
		t.Error("a client without a certificate was answered")
	}
}
