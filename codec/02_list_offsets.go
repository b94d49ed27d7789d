package codec

const listOffsetsFlex = 6

// listOffsetsCheck refuses requests of a follower, in every version.
func listOffsetsCheck(h Head, prefix []byte) (ok bool, err error) {
	return leadingReplica("ListOffsets", listOffsetsFlex, h, prefix)
}
