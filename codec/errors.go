package codec

import (
	"errors"
	"fmt"
)

// Every error of this package wraps exactly one of these.
var (
	// ErrMalformed: the bytes are not what the protocol prescribes.
	ErrMalformed = errors.New("malformed frame")
	// ErrTooLarge: well formed as far as seen, but over a limit of ours.
	ErrTooLarge = errors.New("frame too large")
	// ErrNotKafka: the first bytes belong to another protocol. The error in
	// the chain is a NotKafka that names it.
	ErrNotKafka = errors.New("not the Kafka protocol")
	// ErrReplica: the request claims to come from a broker (replica id >= 0),
	// which would borrow the gateway's own rights at the cluster.
	ErrReplica = errors.New("request in the name of a broker")
)

// NotKafka says which protocol the first bytes belong to: "TLS", "HTTP", ….
// errors.Is(err, ErrNotKafka) holds.
type NotKafka struct{ What string }

func (e NotKafka) Error() string {
	return "codec: first bytes are " + e.What + ", " + ErrNotKafka.Error()
}

// Is makes a NotKafka answer to ErrNotKafka.
func (e NotKafka) Is(target error) bool { return target == ErrNotKafka }

// malformed builds an error in the package's form: package, thing, place, what.
func malformed(format string, args ...any) error {
	return fmt.Errorf("codec: "+format+": %w", append(args, ErrMalformed)...)
}

func tooLarge(format string, args ...any) error {
	return fmt.Errorf("codec: "+format+": %w", append(args, ErrTooLarge)...)
}
