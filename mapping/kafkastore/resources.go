package kafkastore

import (
	"context"
	"errors"

	"github.com/postern-kafka/postern/mapping"
)

// PutAccount implements mapping.Store.
func (s *Store) PutAccount(context.Context, mapping.Account, mapping.Write) (mapping.Outcome, error) {
	return mapping.NotChanged, errors.ErrUnsupported
}

// DeleteAccount implements mapping.Store.
func (s *Store) DeleteAccount(context.Context, string, string, mapping.Write) error {
	return errors.ErrUnsupported
}

// PutGroup implements mapping.Store.
func (s *Store) PutGroup(context.Context, mapping.Group, mapping.Write) (mapping.Outcome, error) {
	return mapping.NotChanged, errors.ErrUnsupported
}

// DeleteGroup implements mapping.Store.
func (s *Store) DeleteGroup(context.Context, string, mapping.Write) error {
	return errors.ErrUnsupported
}

// PutVCluster implements mapping.Store.
func (s *Store) PutVCluster(context.Context, mapping.VCluster, mapping.Write) (mapping.Outcome, error) {
	return mapping.NotChanged, errors.ErrUnsupported
}

// DeleteVCluster implements mapping.Store.
func (s *Store) DeleteVCluster(context.Context, string, mapping.Write) error {
	return errors.ErrUnsupported
}

// Groups implements mapping.Store.
func (s *Store) Groups() *mapping.Groups { return s.users.Groups() }

// VClusters implements mapping.Store.
func (s *Store) VClusters() *mapping.VClusters { return s.vclusters }
