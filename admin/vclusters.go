package admin

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/postern-kafka/postern/mapping"
)

const (
	kindVCluster    = "VirtualCluster"
	vcluster        = "virtual cluster"
	vclusterPattern = `^[a-zA-Z0-9._-]+$`

	typeStandard, typePartner = "Standard", "Partner"
)

type vclusterSpecJSON struct {
	Type             string                       `json:"type,omitempty"`
	ACLEnabled       *bool                        `json:"aclEnabled,omitempty"`
	ACLMode          string                       `json:"aclMode,omitempty"`
	SuperUsers       *[]string                    `json:"superUsers,omitempty"`
	ACLs             *[]json.RawMessage           `json:"acls,omitempty"`
	BootstrapServers string                       `json:"bootstrapServers,omitempty"`
	ClientProperties map[string]map[string]string `json:"clientProperties,omitempty"`
}

// aclJSON is one ACL, in the order in which it is stored.
type aclJSON struct {
	ResourcePattern aclPatternJSON `json:"resourcePattern"`
	Principal       string         `json:"principal"`
	Host            string         `json:"host"`
	Operation       string         `json:"operation"`
	PermissionType  string         `json:"permissionType"`
}

type aclPatternJSON struct {
	ResourceType string `json:"resourceType"`
	Name         string `json:"name"`
	PatternType  string `json:"patternType"`
}

// The words of Kafka's ACLs.
var (
	aclResources   = []string{"TOPIC", "GROUP", "CLUSTER", "TRANSACTIONAL_ID", "DELEGATION_TOKEN", "USER"}
	aclPatterns    = []string{"LITERAL", "PREFIXED"}
	aclPermissions = []string{"ALLOW", "DENY"}
	aclOperations  = []string{
		"ALL", "READ", "WRITE", "CREATE", "DELETE", "ALTER", "DESCRIBE", "CLUSTER_ACTION", "DESCRIBE_CONFIGS",
		"ALTER_CONFIGS", "IDEMPOTENT_WRITE", "CREATE_TOKENS", "DESCRIBE_TOKENS",
	}
	aclModes = []string{mapping.KafkaAPI, mapping.RestAPI}
)

func (s *Server) shownVirtualCluster(v mapping.VCluster, defaults bool) resourceJSON {
	spec := vclusterSpecJSON{BootstrapServers: s.o.BootstrapServers, ClientProperties: s.o.ClientProperties}
	if kind := wordOf(string(v.Type), typeStandard, typePartner); defaults || kind != typeStandard {
		spec.Type = kind
	}
	if defaults || v.ACLEnabled {
		spec.ACLEnabled = &v.ACLEnabled
	}
	if defaults || v.ACLMode != mapping.KafkaAPI {
		spec.ACLMode = v.ACLMode
	}
	if users := append([]string{}, v.SuperUsers...); defaults || len(users) > 0 {
		spec.SuperUsers = &users
	}
	if acls := append([]json.RawMessage{}, v.ACLs...); defaults || len(acls) > 0 {
		spec.ACLs = &acls
	}
	return resourceJSON{kindVCluster, apiVersion, metadataJSON{Name: v.Name}, spec}
}

func (s *Server) listVirtualClusters(r request) answer {
	if refused := s.unready(); refused != nil {
		return *refused
	}
	return listed(r, s.o.Store.VClusters().All(), s.shownVirtualCluster)
}

func (s *Server) showVirtualCluster(r request) answer {
	if refused := s.unready(); refused != nil {
		return *refused
	}
	v, found := s.o.Store.VClusters().Get(r.vcluster)
	if !found {
		return problem(http.StatusNotFound, "The given virtual cluster does not exist")
	}
	return inJSON(http.StatusOK, s.shownVirtualCluster(v, r.defaults()))
}

func (s *Server) putVirtualCluster(r request) answer {
	var v mapping.VCluster
	var kind, mode string
	unheeded := ""
	refused := readResource(r.body, kindVCluster, members{"name": into(&v.Name)}, members{
		"type": intoKind(&kind, typeStandard, typePartner), "aclEnabled": intoBool(&v.ACLEnabled), "aclMode": intoWord(&mode, aclModes...), "superUsers": intoTexts(&v.SuperUsers),
		"acls": eachItem(func(at string, value json.RawMessage) error {
			acl, err := readACL(at, value)
			v.ACLs = append(v.ACLs, acl)
			return err
		}),
		"bootstrapServers": into(&unheeded), "clientProperties": ignored,
	})
	if refused != nil {
		return *refused
	}
	if v.Name == "" {
		return *missing("metadata.name")
	}
	if s.o.Protocols.without() != nil {
		return problem(http.StatusBadRequest, "Virtual cluster is not supported on security protocol %s",
			cmp.Or(s.o.Protocols.Name, "PLAINTEXT"))
	}
	v.Type = mapping.VClusterType(strings.ToUpper(kind))
	v.ACLMode = mode
	if refused := s.unready(); refused != nil {
		return *refused
	}
	valid, err := v.Validate()
	if err != nil {
		return s.unmade(vcluster, err)
	}
	outcome, err := s.o.Store.PutVCluster(r.ctx, valid, r.write())
	if err != nil {
		return s.unmade(vcluster, err)
	}
	return s.upserted(r, s.shownVirtualCluster(valid, false), outcome)
}

// readACL reads one ACL and writes it as it is stored, its members in one order.
func readACL(at string, value json.RawMessage) (json.RawMessage, error) {
	a := aclJSON{Host: "*"}
	err := members{
		"resourcePattern": members{
			"resourceType": intoWord(&a.ResourcePattern.ResourceType, aclResources...), "name": into(&a.ResourcePattern.Name),
			"patternType": intoWord(&a.ResourcePattern.PatternType, aclPatterns...),
		}.read,
		"principal": into(&a.Principal), "host": into(&a.Host), "operation": intoWord(&a.Operation, aclOperations...),
		"permissionType": intoWord(&a.PermissionType, aclPermissions...),
	}.read(at, value)
	if err != nil {
		return nil, err
	}
	for _, text := range []struct{ name, value string }{
		{"resourcePattern.resourceType", a.ResourcePattern.ResourceType},
		{"resourcePattern.name", a.ResourcePattern.Name},
		{"resourcePattern.patternType", a.ResourcePattern.PatternType},
		{"principal", a.Principal},
		{"host", a.Host},
		{"operation", a.Operation},
		{"permissionType", a.PermissionType},
	} {
		if text.value == "" {
			return nil, fmt.Errorf("field %q: required", at+"."+text.name)
		}
	}
	if !strings.HasPrefix(a.Principal, "User:") {
		return nil, fmt.Errorf("field %q: must be User: and a name", at+".principal")
	}
	return inJSON(0, a).body, nil
}

func (s *Server) deleteVirtualCluster(r request) answer {
	if refused := s.unready(); refused != nil {
		return *refused
	}
	if r.vcluster == mapping.Passthrough {
		return problem(http.StatusBadRequest, "Default `passthrough` virtual cluster cannot be deleted")
	}
	if err := s.o.Store.DeleteVCluster(r.ctx, r.vcluster, mapping.Write{}); err != nil {
		return s.unmade(vcluster, err)
	}
	return s.removed(r, kindVCluster, metadataJSON{Name: r.vcluster})
}

// listVClusters is the first generation's list: the names of what is declared.
func (s *Server) listVClusters(request) answer {
	if err := s.o.Store.Ready(); err != nil {
		return notReady(false, err)
	}
	names := []string{}
	for _, v := range s.o.Store.VClusters().All() {
		names = append(names, v.Name)
	}
	return inJSON(http.StatusOK, struct {
		VClusters []string `json:"vclusters"`
	}{names})
}
