package interop

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/postern-kafka/postern/internal/kafkatest"
)

const (
	// slowBytes is how many bytes a second the user slow may write.
	slowBytes = 100 << 10
	// quotaRecords, a fifth of that each, are more than the quota of the eleven
	// seconds that brokers count over.
	quotaRecords = 60
)

// limitSlow gives the user slow a quota at the brokers; swift has none.
func limitSlow(t *testing.T, cluster *kafkatest.Cluster) {
	t.Helper()
	slow := "slow"
	altered, err := kadm.NewClient(newClient(t, kgo.SeedBrokers(cluster.Seeds()...))).AlterClientQuotas(t.Context(), []kadm.AlterClientQuotaEntry{{
		Entity: kadm.ClientQuotaEntity{{Type: "user", Name: &slow}},
		Ops:    []kadm.AlterClientQuotaOp{{Key: "producer_byte_rate", Value: slowBytes}},
	}})
	if err != nil || altered[0].Err != nil {
		t.Fatal(err, altered)
	}
}

// throttled counts the answers by which brokers told a client to slow down.
type throttled struct{ answers atomic.Int32 }

func (c *throttled) OnBrokerThrottle(kgo.BrokerMetadata, time.Duration, bool) { c.answers.Add(1) }

// wantsThrottle writes as slow until a broker says that its quota is used up, and
// then more than the quota as swift, whom no broker says that.
func wantsThrottle(t *testing.T, topic string, as func(name string, options ...kgo.Opt) *kgo.Client) {
	t.Helper()
	write := func(ctx context.Context, client *kgo.Client) error {
		return client.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: bytes.Repeat([]byte("x"), slowBytes/5)}).FirstErr()
	}
	var slow, swift throttled
	client := as("slow", kgo.WithHooks(&slow), kgo.ProducerBatchCompression(kgo.NoCompression()))
	// Brokers hear of a quota from the controller.
	await(t, "slow is told to slow down", patience, func(ctx context.Context) error {
		for range quotaRecords {
			if err := write(ctx, client); err != nil || slow.answers.Load() > 0 {
				return err
			}
		}
		return errors.New("it was not")
	})
	client = as("swift", kgo.WithHooks(&swift), kgo.ProducerBatchCompression(kgo.NoCompression()))
	for range quotaRecords {
		if err := write(t.Context(), client); err != nil {
			t.Fatal(err)
		}
	}
	if n := swift.answers.Load(); n != 0 {
		t.Errorf("swift was told %d times to slow down", n)
	}
}

// testQuotas: a quota of the brokers is about the user who logged in there.
func testQuotas(t *testing.T, s *saslStage) {
	s.topic(t, "quota")
	for _, name := range []string{"slow", "swift"} {
		s.permit(t, name, "quota")
	}
	limitSlow(t, s.cluster)
	for name, d := range map[string]loginDoor{"broker": s.brokerDoor(), "relay": s.relayDoors()[0]} {
		t.Run(name, func(t *testing.T) {
			wantsThrottle(t, "quota", func(name string, options ...kgo.Opt) *kgo.Client {
				return s.franz(t, d, login{Mechanism: "PLAIN", Username: name, Password: saslSecret}, options...)
			})
		})
	}
}
