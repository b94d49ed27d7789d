package codec

// View answers what a rewrite may ask about the gateway's world. It is called
// while a frame is walked: it must not block and should not allocate.
type View interface {
	// Address is what a client is told for a node. ok == false: the node lies
	// outside the advertised range; host is still used, with port 0, so that
	// clients say "could not be established" instead of hanging, and the id
	// is reported by Patch.Unroutable.
	Address(node int32) (host string, port int32, ok bool)
}

// Node is a broker as the cluster itself advertises it. Host is valid until the
// Patch is Reset.
type Node struct {
	ID   int32
	Host []byte
	Port int32
}
