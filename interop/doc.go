// Package interop runs the real program between real clients and real brokers.
//
// It holds tests only. TestMain builds cmd/postern once; every gateway is that
// binary, started with an environment and nothing else, as a container would
// be. Per Kafka release there is one cluster of three brokers and two gateways
// of one gateway cluster, shared by all tests of the release, which run one
// after the other.
//
// A test says what a user does and sees; it knows no type of the product
// (golden_test.go alone asks the codec, about frames that it records). With
// INTEROP_DOOR=broker the same tests go to the brokers' own mutual-TLS
// listener and leave out what only a gateway has: so a failure can be laid at
// the right door.
//
// The binary is built behind go test's back, which therefore takes an old
// result for good: run with -count=1, as the Makefile does.
//
// Clients that log in have a stage of their own (sasl_test.go): one broker per
// release with listeners that ask for a login, an issuer of tokens, a key
// distribution centre, and gateways that decide and that relay. A login is data
// (type login), which every driver takes, so that what is a row for one client is
// one for all.
//
// The folder clients holds programs in other languages, each with its own
// test.
package interop
