package codec

import "fmt"

// leadingReplica refuses a request whose first body field, ReplicaId, names a
// broker. Consumers send -1, debugging consumers -2.
func leadingReplica(name string, flex int16, h Head, prefix []byte) (ok bool, err error) {
	r := request(flex, h, prefix)
	r.in("replica id", -1)
	id := r.int32()
	if ok, err = peeked(&r, name, h); !ok {
		return false, err
	}
	if id >= 0 {
		return false, replicaError(name, h, id)
	}
	return true, nil
}

func replicaError(name string, h Head, id int32) error {
	return fmt.Errorf("codec: %s v%d request: replica id %d: %w", name, h.Version, id, ErrReplica)
}
