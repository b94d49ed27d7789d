package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/postern-kafka/postern/internal/kafkatest"
)

// direct is true when the tests go to the brokers instead of a gateway.
var direct = os.Getenv("INTEROP_DOOR") == "broker"

// scratch is a folder for the whole run.
var scratch string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	if scratch, err = os.MkdirTemp("", "postern-interop-"); err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		return 1
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	return m.Run()
}

// program is the path of the binary under test, built at the first call.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "postern")
	out, err := exec.Command("go", "build", "-o", path, "../cmd/postern").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("interop: go build ./cmd/postern: %w\n%s", err, out)
	}
	return path, nil
})

// releaseTest is one test that is run with each release of the brokers.
type releaseTest struct {
	name        string
	gatewayOnly bool // nothing to see at a broker's own listener
	test        func(*testing.T, *stage)
}

// releaseTests are run in this order: it is that of the story, and what kills
// brokers comes last.
var releaseTests = []releaseTest{
	{"FoundingDemo", true, testFoundingDemo},
	{"Refusal", false, testRefusal},
	{"Addresses", true, testAddresses},
	{"Tools", false, testTools},
	{"JavaClient", false, testJavaClient},
	{"FranzGo", false, testFranzGo},
	{"Mappings", true, testMappings},
	{"Sides", true, testSides},
	{"RollingRestart", false, testRollingRestart},
	{"UncleanLeader", true, testUncleanLeader},
	{"Outage", true, testOutage},
}

// The two releases, and the tools that belong to them. What is shown of a release waits
// for brokers most of the time, so as many clusters stand at once as there are processors.
func TestKafka352(t *testing.T) { testRelease(t, kafkatest.Kafka352, kafkatest.Kafka352) }

func TestKafka440(t *testing.T) { testRelease(t, kafkatest.Kafka440, kafkatest.Tools430) }

func testRelease(t *testing.T, version, tools string) {
	kafkatest.Require(t, version, tools, kafkatest.Kafka440, kafkatest.Tools430, kafkatest.Tools282)
	t.Parallel()
	s := newStage(t, version, tools)
	for _, c := range releaseTests {
		t.Run(c.name, func(t *testing.T) {
			if c.gatewayOnly && direct {
				t.Skip("INTEROP_DOOR=broker: this test is about the gateway alone")
			}
			c.test(t, s)
		})
	}
}
