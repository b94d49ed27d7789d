package codec

// Action is what is done with one API.
type Action uint8

const (
	// Refuse is the zero value: what is not in the table does not pass.
	Refuse Action = iota
	// Forward passes requests and answers on undecoded, in every version.
	Forward
	// Rewrite passes requests on; answers of PatchFrom and up go through the
	// row's functions. Versions above Max are not audited and do not pass.
	Rewrite
	// Login is for what logs a client in: the gateway answers it itself, or relays it to the broker that
	// decides who the client is. Versions above Max do not pass.
	Login
)

func (a Action) String() string {
	switch a {
	case Forward:
		return "forward"
	case Rewrite:
		return "rewrite"
	case Login:
		return "login"
	case Refuse:
	}
	return "refuse"
}

// Rule is one row of the table: what the gateway does with one API.
//
// All functions are pure. h.Size counts the size prefix; slices are only read,
// and only during the call. What takes a Patch resets it first, and leaves it
// empty with every error and every "more".
type Rule struct {
	Name string // as in Kafka's ApiKeys
	Do   Action
	// Max is the highest audited version (Kafka 4.4). On Rewrite and Login rows
	// ApiVersions is clamped to it and requests above it must be refused.
	Max int16
	// Flex is the first flexible version (KIP-482); -1: never.
	Flex int16
	// PatchFrom is the first version whose answer may need a patch.
	PatchFrom int16

	// Silent reports whether the request will get no answer (Produce with
	// acks=0). prefix is the request from its size prefix on, perhaps cut;
	// ok == false asks for more, PeekLimit at most. nil: always answered.
	Silent func(h Head, prefix []byte) (silent, ok bool, err error)
	// Check refuses (ErrReplica) requests that act as a broker and would do
	// so with the gateway's rights. prefix and ok as in Silent; a Fetch of
	// v15 and up is asked for whole, DecodeLimit at most. nil: no check.
	Check func(h Head, prefix []byte) (ok bool, err error)
	// Whole patches one whole answer.
	Whole func(p *Patch, v View, h Head, frame []byte) error
	// Prefix patches the head of an answer too large to gather. ok == false
	// asks for a longer prefix, DecodeLimit at most. After ok the bytes
	// behind the prefix are streamed untouched. nil: no such head.
	Prefix func(p *Patch, v View, h Head, prefix []byte) (ok bool, err error)
	// Tailed: a large answer is walked with Skim as it streams, and its tail
	// is given to Tail.
	Tailed bool
	// Tail patches the tail found by Skim; the size never changes. Offsets
	// of the patch count from the tail's first byte.
	Tail func(p *Patch, v View, h Head, tail []byte) error

	body func(version int16) program // steps over all in front of the tail
}

// Audited reports whether requests of that version may pass.
func (r *Rule) Audited(version int16) bool {
	return r.Do == Forward || r.Do != Refuse && version <= r.Max
}

// Patched reports whether an answer of that version must go through Whole,
// Prefix or Tail.
func (r *Rule) Patched(version int16) bool {
	return r.Do == Rewrite && r.Whole != nil && version >= r.PatchFrom
}

// NumKeys is the number of keys in the table, 0 to NumKeys-1 (Kafka 4.4).
const NumKeys = 95

// Lookup returns the row of an API, nil for keys the table does not know
// (vendor keys, newer APIs): they are refused. Rows are read-only.
func Lookup(key int16) *Rule {
	if key < 0 || key >= NumKeys {
		return nil
	}
	return &rules[key]
}

// Keys yields every key with its row, in order.
func Keys(yield func(key int16, row *Rule) bool) {
	for key := range int16(NumKeys) {
		if !yield(key, &rules[key]) {
			return
		}
	}
}

// rules is all that the gateway knows about Kafka's APIs. The index is the API
// key, so a second row for a key does not compile. Left out of the fields of a
// row: what is refused or nil.
var rules [NumKeys]Rule

// The table is filled here and not where it is declared because the row of
// ApiVersions reads the table it stands in.
func init() {
	rules = [NumKeys]Rule{
		0:  {Name: "Produce", Do: Rewrite, Max: 13, Flex: produceFlex, Silent: produceSilent, Whole: produceEndpoints.whole, PatchFrom: 10, body: produceBody},
		1:  {Name: "Fetch", Do: Rewrite, Max: 18, Flex: fetchFlex, Check: fetchCheck, Whole: fetchEndpoints.whole, PatchFrom: 16, Tailed: true, Tail: fetchEndpoints.tail, body: fetchBody},
		2:  {Name: "ListOffsets", Do: Forward, Max: 11, Flex: listOffsetsFlex, Check: listOffsetsCheck},
		3:  {Name: "Metadata", Do: Rewrite, Max: 13, Flex: metadataFlex, Whole: metadataWhole, Prefix: metadataPrefix},
		4:  {Name: "LeaderAndIsr", Do: Refuse, Max: 7, Flex: 4},
		5:  {Name: "StopReplica", Do: Refuse, Max: 4, Flex: 2},
		6:  {Name: "UpdateMetadata", Do: Refuse, Max: 8, Flex: 6},
		7:  {Name: "ControlledShutdown", Do: Refuse, Max: 3, Flex: 3},
		8:  {Name: "OffsetCommit", Do: Forward, Max: 10, Flex: 8},
		9:  {Name: "OffsetFetch", Do: Forward, Max: 10, Flex: 6},
		10: {Name: "FindCoordinator", Do: Rewrite, Max: 6, Flex: findCoordinatorFlex, Whole: findCoordinatorWhole},
		11: {Name: "JoinGroup", Do: Forward, Max: 9, Flex: 6},
		12: {Name: "Heartbeat", Do: Forward, Max: 4, Flex: 4},
		13: {Name: "LeaveGroup", Do: Forward, Max: 5, Flex: 4},
		14: {Name: "SyncGroup", Do: Forward, Max: 5, Flex: 4},
		15: {Name: "DescribeGroups", Do: Forward, Max: 6, Flex: 5},
		16: {Name: "ListGroups", Do: Forward, Max: 5, Flex: 3},
		17: {Name: "SaslHandshake", Do: Login, Max: 1, Flex: -1},
		18: {Name: "ApiVersions", Do: Rewrite, Max: 5, Flex: apiVersionsFlex, Whole: apiVersionsWhole},
		19: {Name: "CreateTopics", Do: Forward, Max: 7, Flex: 5},
		20: {Name: "DeleteTopics", Do: Forward, Max: 6, Flex: 4},
		21: {Name: "DeleteRecords", Do: Forward, Max: 2, Flex: 2},
		22: {Name: "InitProducerId", Do: Forward, Max: 5, Flex: 2},
		23: {Name: "OffsetForLeaderEpoch", Do: Forward, Max: 4, Flex: offsetForLeaderEpochFlex, Check: offsetForLeaderEpochCheck},
		24: {Name: "AddPartitionsToTxn", Do: Forward, Max: 5, Flex: 3},
		25: {Name: "AddOffsetsToTxn", Do: Forward, Max: 4, Flex: 3},
		26: {Name: "EndTxn", Do: Forward, Max: 5, Flex: 3},
		27: {Name: "WriteTxnMarkers", Do: Forward, Max: 2, Flex: 1},
		28: {Name: "TxnOffsetCommit", Do: Forward, Max: 6, Flex: 3},
		29: {Name: "DescribeAcls", Do: Forward, Max: 3, Flex: 2},
		30: {Name: "CreateAcls", Do: Forward, Max: 3, Flex: 2},
		31: {Name: "DeleteAcls", Do: Forward, Max: 3, Flex: 2},
		32: {Name: "DescribeConfigs", Do: Forward, Max: 4, Flex: 4},
		33: {Name: "AlterConfigs", Do: Forward, Max: 2, Flex: 2},
		34: {Name: "AlterReplicaLogDirs", Do: Forward, Max: 2, Flex: 2},
		35: {Name: "DescribeLogDirs", Do: Forward, Max: 5, Flex: 2},
		36: {Name: "SaslAuthenticate", Do: Login, Max: 2, Flex: saslAuthenticateFlex},
		37: {Name: "CreatePartitions", Do: Forward, Max: 3, Flex: 2},
		38: {Name: "CreateDelegationToken", Do: Forward, Max: 3, Flex: 2},
		39: {Name: "RenewDelegationToken", Do: Forward, Max: 2, Flex: 2},
		40: {Name: "ExpireDelegationToken", Do: Forward, Max: 2, Flex: 2},
		41: {Name: "DescribeDelegationToken", Do: Forward, Max: 3, Flex: 2},
		42: {Name: "DeleteGroups", Do: Forward, Max: 3, Flex: 2},
		43: {Name: "ElectLeaders", Do: Forward, Max: 2, Flex: 2},
		44: {Name: "IncrementalAlterConfigs", Do: Forward, Max: 1, Flex: 1},
		45: {Name: "AlterPartitionReassignments", Do: Forward, Max: 1, Flex: 0},
		46: {Name: "ListPartitionReassignments", Do: Forward, Max: 0, Flex: 0},
		47: {Name: "OffsetDelete", Do: Forward, Max: 0, Flex: -1},
		48: {Name: "DescribeClientQuotas", Do: Forward, Max: 1, Flex: 1},
		49: {Name: "AlterClientQuotas", Do: Forward, Max: 1, Flex: 1},
		50: {Name: "DescribeUserScramCredentials", Do: Forward, Max: 0, Flex: 0},
		51: {Name: "AlterUserScramCredentials", Do: Forward, Max: 0, Flex: 0},
		52: {Name: "Vote", Do: Refuse, Max: 2, Flex: 0},
		53: {Name: "BeginQuorumEpoch", Do: Refuse, Max: 1, Flex: 1},
		54: {Name: "EndQuorumEpoch", Do: Refuse, Max: 1, Flex: 1},
		55: {Name: "DescribeQuorum", Do: Rewrite, Max: 1, Flex: 0, PatchFrom: 2},
		56: {Name: "AlterPartition", Do: Refuse, Max: 3, Flex: 0},
		57: {Name: "UpdateFeatures", Do: Forward, Max: 2, Flex: 0},
		58: {Name: "Envelope", Do: Refuse, Max: 0, Flex: 0},
		59: {Name: "FetchSnapshot", Do: Refuse, Max: 1, Flex: 0},
		60: {Name: "DescribeCluster", Do: Rewrite, Max: 2, Flex: describeClusterFlex, Whole: describeClusterWhole},
		61: {Name: "DescribeProducers", Do: Forward, Max: 0, Flex: 0},
		62: {Name: "BrokerRegistration", Do: Refuse, Max: 4, Flex: 0},
		63: {Name: "BrokerHeartbeat", Do: Refuse, Max: 2, Flex: 0},
		64: {Name: "UnregisterBroker", Do: Forward, Max: 0, Flex: 0},
		65: {Name: "DescribeTransactions", Do: Forward, Max: 0, Flex: 0},
		66: {Name: "ListTransactions", Do: Forward, Max: 2, Flex: 0},
		67: {Name: "AllocateProducerIds", Do: Refuse, Max: 0, Flex: 0},
		68: {Name: "ConsumerGroupHeartbeat", Do: Forward, Max: 1, Flex: 0},
		69: {Name: "ConsumerGroupDescribe", Do: Forward, Max: 1, Flex: 0},
		70: {Name: "ControllerRegistration", Do: Refuse, Max: 0, Flex: 0},
		71: {Name: "GetTelemetrySubscriptions", Do: Forward, Max: 0, Flex: 0},
		72: {Name: "PushTelemetry", Do: Forward, Max: 0, Flex: 0},
		73: {Name: "AssignReplicasToDirs", Do: Refuse, Max: 0, Flex: 0},
		74: {Name: "ListConfigResources", Do: Forward, Max: 1, Flex: 0},
		75: {Name: "DescribeTopicPartitions", Do: Forward, Max: 0, Flex: 0},
		76: {Name: "ShareGroupHeartbeat", Do: Forward, Max: 1, Flex: 0},
		77: {Name: "ShareGroupDescribe", Do: Forward, Max: 1, Flex: 0},
		78: {Name: "ShareFetch", Do: Rewrite, Max: 2, Flex: 0, Whole: shareFetchEndpoints.whole, Tailed: true, Tail: shareFetchEndpoints.tail, body: shareFetchBody},
		79: {Name: "ShareAcknowledge", Do: Rewrite, Max: 2, Flex: 0, Whole: shareAcknowledgeEndpoints.whole, body: shareAcknowledgeBody},
		80: {Name: "AddRaftVoter", Do: Forward, Max: 1, Flex: 0},
		81: {Name: "RemoveRaftVoter", Do: Forward, Max: 0, Flex: 0},
		82: {Name: "UpdateRaftVoter", Do: Refuse, Max: 0, Flex: 0},
		83: {Name: "InitializeShareGroupState", Do: Refuse, Max: 0, Flex: 0},
		84: {Name: "ReadShareGroupState", Do: Refuse, Max: 0, Flex: 0},
		85: {Name: "WriteShareGroupState", Do: Refuse, Max: 1, Flex: 0},
		86: {Name: "DeleteShareGroupState", Do: Refuse, Max: 0, Flex: 0},
		87: {Name: "ReadShareGroupStateSummary", Do: Refuse, Max: 1, Flex: 0},
		88: {Name: "StreamsGroupHeartbeat", Do: Forward, Max: 1, Flex: 0},
		89: {Name: "StreamsGroupDescribe", Do: Forward, Max: 1, Flex: 0},
		90: {Name: "DescribeShareGroupOffsets", Do: Forward, Max: 1, Flex: 0},
		91: {Name: "AlterShareGroupOffsets", Do: Forward, Max: 0, Flex: 0},
		92: {Name: "DeleteShareGroupOffsets", Do: Forward, Max: 0, Flex: 0},
		93: {Name: "StreamsGroupTopologyDescriptionUpdate", Do: Forward, Max: 0, Flex: 0},
		94: {Name: "UnregisterController", Do: Forward, Max: 0, Flex: 0},
	}
}
