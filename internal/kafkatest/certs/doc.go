// Package certs makes the certificates that tests of mutual TLS need: an
// authority, leaves for both sides, and the same things in every form a Kafka
// user keeps them (PEM, PKCS12, JKS, a client.config for the Java tools).
//
// It owns no key beyond the test: everything is generated anew, lives in memory
// or in a folder the caller names, and is valid for a day. The passwords are
// written in clear beside the stores; nothing made here may guard anything.
//
// FoundingDemo is the exception in manner: it makes its one certificate with
// the openssl and keytool commands that a user would type.
package certs
