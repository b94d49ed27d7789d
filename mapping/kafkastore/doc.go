// Package kafkastore keeps user mappings and the deny-list of certificates in a
// compacted Kafka topic: the store behind GATEWAY_STORAGE_TYPE=KAFKA. Gateways with the same cluster id share
// the topic and so the mappings; Kafka is the only place where state lives.
//
// It owns: the names and settings of the gateway's internal topics, their
// creation, the format of the records, one Kafka client, one goroutine that
// follows the topic, and the Users and the DenyList which that goroutine writes.
//
// It never: reads the environment or a clock of its own, changes an existing
// topic, deletes a record it does not understand, or serves half a topic: until
// the first reading is complete Users is empty and Ready says why, and a later
// re-reading replaces the old set in place once it is complete.
//
// # Records
//
// Key: {"vcluster":"passthrough","username":"CN=username"}, exactly in this
// form; a key written otherwise would escape compaction and is skipped. Value:
// {"v":1,"principal":"...","groups":["..."],"updated":"2006-01-02T15:04:05Z"}.
// Fields may be added under v 1; a reader ignores those it does not know. A
// null value deletes. A value that cannot be read (corrupt, or of a later v)
// stays in the topic and leaves its username without a mapping, since whatever
// it replaced may be gone at the next compaction; it is logged with its offset
// and counted.
//
// A denied certificate has a key of another shape in the same topic,
// {"denied":"<SHA-256, 64 lower-case hexadecimal digits>"}, and the value
// {"v":1,"reason":"...","by":"...","since":"2006-01-02T15:04:05Z"}. Gateways that
// know no deny-list skip such keys. A null value takes the certificate off the
// list; a value that cannot be read still denies it, since letting in somebody
// who was barred is the worse mistake.
//
// # Two writers
//
// What a gateway holds is a pure function of the newest record per key, so all
// gateways agree however they read. A gateway that writes first reads the topic
// to its end and refuses a principal that belongs to another username. Two that
// write at the same moment may still both succeed: then the later record holds
// the principal, at every reader. The earlier mapping is kept, is logged and
// counted as shadowed, and takes effect again when the later one is deleted or
// given another principal.
//
// # Faults
//
// Brokers may be down at the start and at any time later; the goroutine tries
// again with a growing pause, and what was read stays in force. A log that was
// cut back (unclean leader election) or recreated is noticed by its leader
// epochs, its topic id and its offsets, and read again from the start; writes
// in flight then fail, their outcome unknown.
package kafkastore
