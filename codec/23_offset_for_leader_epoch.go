package codec

const offsetForLeaderEpochFlex = 4

// offsetForLeaderEpochCheck refuses requests of a follower. ReplicaId exists
// from v3 on.
func offsetForLeaderEpochCheck(h Head, prefix []byte) (ok bool, err error) {
	if h.Version < 3 {
		return true, nil
	}
	return leadingReplica("OffsetForLeaderEpoch", offsetForLeaderEpochFlex, h, prefix)
}
