// Package mapping is the read-only world that a session sees: who a principal
// is (Users) and in which groups (Groups), which virtual clusters there are
// (VClusters), where the brokers are (Book) and what clients are told about
// them (Ports), and whose certificate is barred (DenyList). It also states the
// contract of the stores that keep accounts, groups, virtual clusters and the
// deny-list (Store); the stores themselves are the packages below this one.
//
// It owns: the set of accounts in memory, the rule by which a principal becomes
// a User, the rules over accounts, groups and virtual clusters (State), the
// brokers' real addresses, the arithmetic of port routing.
//
// It never: opens a socket or a file, reads a clock, logs, starts a goroutine,
// or changes a value that it has handed out.
//
// Invariants:
//   - A *User is immutable from the moment it can be reached. Readers share it
//     without a lock; a change of mapping makes a new one.
//   - A mapping is an external account with one principal. A principal resolves
//     to at most one account over all virtual clusters.
//   - Users is a pure function of the newest record of each (vcluster,
//     username): how often, in which batches or after which compaction the
//     records were read makes no difference. When two usernames claim one
//     principal, the claim with the higher order holds it; the other is kept,
//     shadowed, and takes effect again when the holder lets go.
//   - Everything that grows has a limit: MaxMappings, MaxGatewayGroups,
//     MaxVClusters, MaxDenials, MaxBrokers and what the Validate methods say.
//
// Duties of the caller, in order: validate what comes from outside with
// Validate; write through a Store, never through Users; resolve a
// connection once, when it has authenticated, with Anonymous as the principal
// of a peer that proved nothing; never write to the Groups of a User.
package mapping
