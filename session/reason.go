package session

// Side says whose doing something was.
type Side uint8

// Client and Broker are also the two directions a frame can be sent in.
const (
	Client Side = iota
	Broker
	Gateway
)

var sideNames = [...]string{"client", "broker", "gateway"}

func (s Side) String() string { return sideNames[s] }

// Kind is the closed set of ways in which a connection ends. Its text is a
// label of the metrics and a field of the log line.
type Kind uint8

// The kinds of ending.
const (
	Ended        Kind = iota // the peer closed its connection
	Truncated                // the peer's socket ended without TLS saying so
	Reset                    // the peer's connection broke
	NotKafka                 // the first bytes speak another protocol
	Malformed                // bytes that are no valid frame
	TooLarge                 // a frame over the limit
	RefusedAPI               // an API that is not for clients, or unknown
	Unsupported              // a version that the gateway does not rewrite
	OutOfStep                // an answer that nobody asked for
	NoVCluster               // no virtual cluster, and one is mandatory
	BadPrincipal             // no rule makes a principal of the certificate
	BadLogin                 // SASL: not who it says it is, or not in a way that there is
	IllegalState             // SASL: not now
	LoginTime                // the client took too long to say who it is
	Expired                  // its login does not hold any more
	Dial                     // the broker could not be reached
	TLS                      // the TLS session broke
	TooSlow                  // a peer does not take what is sent to it
	Overload                 // a limit of the gateway itself
	Drained                  // the gateway is going down
	Revoked                  // the client's certificate was taken back
	Bug                      // a defect of ours
	NumKinds
)

var kindNames = [NumKinds]string{
	"ended", "truncated", "reset", "not-kafka", "malformed", "too-large", "refused-api", "unsupported-version",
	"out-of-step", "no-vcluster", "bad-principal",
	"authentication-failed", "illegal-sasl-state", "login-timeout", "session-expired", "dial", "tls", "too-slow", "overload", "drained", "revoked", "bug",
}

func (k Kind) String() string { return kindNames[k] }

// Reason says why a session ended; each session has exactly one.
type Reason struct {
	Side  Side
	Kind  Kind
	Cause error // may be nil where Kind says it all
}

func (r Reason) String() string {
	if r.Cause == nil {
		return r.Side.String() + ": " + r.Kind.String()
	}
	return r.Side.String() + ": " + r.Kind.String() + ": " + r.Cause.Error()
}
