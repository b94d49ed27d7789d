package interop

import "testing"

func testCertificates(t *testing.T, s *saslStage)      {}
func testAccounts(t *testing.T, s *saslStage)          {}
func testMandatoryVCluster(t *testing.T, s *saslStage) {}
