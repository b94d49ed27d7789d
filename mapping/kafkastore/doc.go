// Package kafkastore keeps accounts, groups, virtual clusters and the deny-list of
// certificates in compacted Kafka topics: the store behind
// GATEWAY_STORAGE_TYPE=KAFKA. Gateways with the same cluster id share the topics
// and so the state; Kafka is the only place where state lives.
//
// It owns: the names and settings of the gateway's internal topics, their
// creation, the format of the records, its Kafka clients, a goroutine for each of
// the three topics that it follows, and the mapping.State which those write.
//
// It never: reads the environment or a clock of its own, changes an existing
// topic, deletes a record it does not understand, or serves half a topic: until
// the first reading of all three is complete Ready says why not, and a later
// re-reading replaces the old content at once when it is complete.
//
// # Records
//
// In the topic of the user mappings, an account. Key:
// {"vcluster":"passthrough","username":"CN=username"}, exactly in this form; a key
// written otherwise would escape compaction and is skipped. Value:
// {"v":1,"principal":"...","groups":["..."],"updated":"2006-01-02T15:04:05Z"}, with
// "principals":["..."] when there are several, of which "principal" is the first.
// A local account has "type":"LOCAL" and no principal, and perhaps
// "scram":[{"mechanism","iterations","salt","stored_key","server_key"}].
//
// In the topic of the groups, {"group":"..."} and
// {"v":1,"members":[{"vcluster","username"}],"external_groups":["..."],"updated"}; in
// that of the virtual clusters, {"vcluster":"..."} and
// {"v":1,"type","acl_enabled","acl_mode","super_users","acls","updated"}.
//
// Fields may be added under v 1; a reader ignores those it does not know. A null
// value deletes. A value that cannot be read (corrupt, or of a later v) stays in
// the topic and leaves its key without any, since whatever it replaced may be
// gone at the next compaction; it is logged with its offset and counted.
//
// A denied certificate has a key of another shape in the topic of the user
// mappings, {"denied":"<SHA-256, 64 lower-case hexadecimal digits>"}, and the value
// {"v":1,"reason":"...","by":"...","since":"2006-01-02T15:04:05Z"}. Gateways that
// know no deny-list skip such keys. A null value takes the certificate off the
// list; a value that cannot be read still denies it, since letting in somebody
// who was barred is the worse mistake.
//
// # Two writers
//
// One gateway writes at a time. All share a transactional id; who wants to write
// has the brokers end and refuse the transactions of the others (a new producer
// epoch), reads the three logs to their ends, checks, and commits one record. As
// long as the epoch is its own, nobody else has written. A gateway whose commit is
// refused does all of it again, some twenty times with growing pauses, and then
// says mapping.ErrBusy. What must hold over several records (a principal has one
// account, members of groups exist) therefore holds whatever gateways do.
//
// What a gateway holds is a pure function of the newest record per key, so all
// gateways agree however they read. Gateways before the transactions, and hands
// that write to the topics, may still give one principal to two accounts: then the
// later record holds it, at every reader. The earlier one is kept, is logged and
// counted as shadowed, and takes effect again when the later one lets go.
//
// # Faults
//
// Brokers may be down at the start and at any time later; the goroutines try
// again with a growing pause, and what was read stays in force. A log that was
// cut back (unclean leader election) or recreated is noticed by its leader
// epochs, its topic id and its offsets, and read again from the start; writes
// in flight then fail, their outcome unknown. A gateway that dies in the middle of
// a transaction holds up readers until another one writes, ten seconds at most.
package kafkastore
