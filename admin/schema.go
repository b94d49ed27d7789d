package admin

import (
	"strings"

	"github.com/postern-kafka/postern/mapping"
)

// schema is a JSON Schema (2020-12), as OpenAPI 3.1 has it.
type schema map[string]any

// named are the schemas that rows refer to. Lengths count characters where the gateway counts bytes: both are met by
// ASCII, and a longer name is refused with a sentence.
var named = map[string]schema{
	"Message": object([]string{"message"}, properties{"message": about(aString(), "What is wrong, or what was done.")}),
	"Problem": about(object([]string{"title"}, properties{
		"title": about(aString(), "What kind of error this is."),
		"msg":   about(aString(), "What is wrong."),
		"cause": about(aString(), "Why, where it is known."),
	}), "An error of the second generation of the API."),

	"UserMapping": about(object([]string{"username"}, properties{
		"username":  about(name(mapping.MaxName), "Who the connection is to the gateway."),
		"principal": about(orNull(nameOrEmpty(mapping.MaxName)), "What the certificate or SASL proves; the username when absent or empty."),
		"groups":    about(orNull(listOf(name(mapping.MaxGroup), mapping.MaxGroups)), "Added to the groups that authentication brings."),
	}), "What a principal becomes.").example(`{"username":"orders","principal":"CN=orders,OU=Shop,C=DE","groups":["writers"]}`),
	"UserMappingShown": object([]string{"vcluster", "username", "principal", "groups"}, properties{
		"vcluster": aString(), "username": aString(), "principal": aString(), "groups": listOf(aString(), 0),
	}),

	"Denial": about(object([]string{"fingerprint"}, properties{
		"fingerprint": fingerprint(),
		"reason":      about(orNull(nameOrEmpty(mapping.MaxReason)), "Free text."),
	}), "A certificate that may no longer connect."),
	"DenialShown": object([]string{"fingerprint", "reason", "by", "since"}, properties{
		"fingerprint": aString(), "reason": aString(),
		"by":    about(aString(), "The user who denied it."),
		"since": schema{"type": "string", "format": "date-time"},
	}),

	"Health": object([]string{"status", "checks", "outcome"}, properties{
		"status": aString(), "outcome": aString(),
		"checks": listOf(object([]string{"id", "status"}, properties{
			"id": aString(), "status": aString(), "data": schema{"type": "object", "additionalProperties": aString()},
		}), 0),
	}),
	"Lived": object([]string{
		"version", "os", "securityProtocol", "interceptors", "serviceAccounts", "groups", "virtualClusters", "aliasTopics", "concentratedTopics",
	}, properties{
		"version": aString(), "os": aString(), "securityProtocol": aString(), "interceptors": aCount(), "serviceAccounts": aCount(),
		"groups": aCount(), "virtualClusters": aCount(), "aliasTopics": aCount(), "concentratedTopics": aCount(),
	}),
	"Interceptors": object([]string{"interceptors"}, properties{"interceptors": listOf(schema{"type": "object"}, 0)}),
	"Versions":     object([]string{"gateway"}, properties{"gateway": aString()}),

	"Token": object([]string{"token"}, properties{"token": about(aString(), "A JWT, signed with the key of the user pool.")}),
	"FirstTokenRequest": object([]string{"lifeTimeSeconds"}, properties{"lifeTimeSeconds": life()}).
		example(`{"lifeTimeSeconds":7776000}`),
	"TokenRequest": object([]string{"username", "lifeTimeSeconds"}, properties{
		"username": aText(), "lifeTimeSeconds": life(), "vCluster": byVCluster(),
	}).example(`{"username":"orders","lifeTimeSeconds":7776000}`),
	"VirtualClusterNames": object([]string{"vclusters"}, properties{"vclusters": listOf(aString(), 0)}),

	"ServiceAccount": resource(kindAccount,
		object([]string{"name"}, properties{"name": matching(accountPattern), "vCluster": byVCluster()}),
		schema{"oneOf": []schema{localSpec(), externalSpec()}},
	).example(`{"kind":"GatewayServiceAccount","apiVersion":"gateway/v2","metadata":{"name":"orders"},` +
		`"spec":{"type":"EXTERNAL","externalNames":["CN=orders,OU=Shop,C=DE"]}}`),
	"ServiceAccountShown": resource(kindAccount,
		object([]string{"name"}, properties{"name": aString(), "vCluster": aString()}),
		object([]string{"type"}, properties{
			"type": oneOf(typeLocal, typeExternal), "externalNames": listOf(aString(), 0),
			"scram": listOf(object([]string{"mechanism", "iterations"}, properties{
				"mechanism": oneOf(scramMechanisms...), "iterations": schema{"type": "integer"},
			}), 0),
		})),
	"ServiceAccountUpsert": upsertOf("ServiceAccountShown"),
	"ServiceAccountName":   object([]string{"name"}, properties{"name": aText(), "vCluster": byVCluster()}),

	"Group": resource(kindGroup, object([]string{"name"}, properties{"name": matching(groupPattern)}),
		object(nil, properties{
			"members": orNull(listOf(object([]string{"name"}, properties{
				"name": name(mapping.MaxName), "vCluster": byVCluster(),
			}), mapping.MaxMembers)),
			"externalGroups": about(orNull(listOf(name(mapping.MaxGroup), mapping.MaxMembers)),
				"Whoever authentication says to be in one of these is in the group."),
		}),
	).example(`{"kind":"GatewayGroup","apiVersion":"gateway/v2","metadata":{"name":"writers"},"spec":{"members":[{"name":"orders"}]}}`),
	"GroupShown": resource(kindGroup, object([]string{"name"}, properties{"name": aString()}),
		object([]string{"members"}, properties{
			"members":        listOf(object([]string{"name"}, properties{"name": aString(), "vCluster": aString()}), 0),
			"externalGroups": listOf(aString(), 0),
		})),
	"GroupUpsert": upsertOf("GroupShown"),

	"VirtualCluster": resource(kindVCluster,
		object([]string{"name"}, properties{"name": about(declarable(), "Not `passthrough`.")}),
		schema{"anyOf": vclusterSpecs()},
	).example(`{"kind":"VirtualCluster","apiVersion":"gateway/v2","metadata":{"name":"teamA"},"spec":{"aclEnabled":true,"superUsers":["alice"]}}`),
	"VirtualClusterShown": resource(kindVCluster, object([]string{"name"}, properties{"name": aString()}),
		object(nil, properties{
			"type": oneOf(typeStandard, typePartner), "aclEnabled": aBoolean(), "aclMode": oneOf(aclModes...),
			"superUsers": listOf(aString(), 0), "acls": listOf(ref("ACL"), 0), "bootstrapServers": aString(),
			"clientProperties": schema{"type": "object", "additionalProperties": schema{"type": "object", "additionalProperties": aString()}},
		})),
	"VirtualClusterUpsert": upsertOf("VirtualClusterShown"),
	"ACL": object([]string{"resourcePattern", "principal", "operation", "permissionType"}, properties{
		"resourcePattern": object([]string{"resourceType", "name", "patternType"}, properties{
			"resourceType": oneOf(aclResources...), "name": aText(), "patternType": oneOf(aclPatterns...),
		}),
		"principal": matching("^User:"), "host": orNull(aText()).byDefault("*"), "operation": oneOf(aclOperations...),
		"permissionType": oneOf(aclPermissions...),
	}),
}

// resource is the envelope round a metadata and a spec.
func resource(kind string, metadata, spec schema) schema {
	return object([]string{"kind", "apiVersion", "metadata", "spec"}, properties{
		"kind": oneOf(kind), "apiVersion": oneOf(apiVersion), "metadata": metadata, "spec": spec,
	})
}

func upsertOf(shown string) schema {
	return object([]string{"resource", "upsertResult"}, properties{
		"resource": ref(shown), "upsertResult": oneOf("Created", "Updated", "NotChanged"),
	})
}

func localSpec() schema {
	s := object([]string{"type"}, properties{
		"type":          matching(inAnyCase(typeLocal)),
		"externalNames": orNull(listOf(schema{}, 0).most(0)),
		"scram": orNull(listOf(object([]string{"mechanism"}, properties{
			"mechanism":  oneOf(scramMechanisms...),
			"password":   about(orNull(aText()), "Absent: the credential that is there stays."),
			"iterations": orNull(schema{"type": "integer", "minimum": minIterations, "maximum": maxIterations}).byDefault(byDefaultIterations),
		}), len(scramMechanisms))),
	})
	s["title"] = typeLocal
	return s
}

func externalSpec() schema {
	names := about(listOf(name(mapping.MaxName), mapping.MaxPrincipals), "What authentication proves: subjects, subjects of tokens, names.")
	names["minItems"] = 1
	s := object([]string{"type", "externalNames"}, properties{"type": matching(inAnyCase(typeExternal)), "externalNames": names})
	s["title"] = typeExternal
	return s
}

// vclusterSpecs are the four ways in which the fields of a virtual cluster go together.
func vclusterSpecs() []schema {
	const users, acls, enabled, mode = "superUsers", "acls", "aclEnabled", "aclMode"
	one := func(title string, required []string, p properties) schema {
		for field, s := range map[string]schema{
			"type":             orNull(matching(inAnyCase(typeStandard))).byDefault(typeStandard),
			"bootstrapServers": about(orNull(aText()), "Shown, and ignored here."),
			"clientProperties": about(orNull(schema{"type": "object"}), "Shown, and ignored here."),
			mode:               schema{"enum": []any{mapping.KafkaAPI, nil}}.byDefault(mapping.KafkaAPI),
			enabled:            schema{"enum": []any{false, nil}}.byDefault(false),
			users:              orNull(listOf(name(mapping.MaxName), mapping.MaxSuperUsers)),
			acls:               orNull(listOf(ref("ACL"), mapping.MaxACLs)),
		} {
			if p[field] == nil {
				p[field] = s
			}
		}
		s := object(required, p)
		s["title"] = title
		return s
	}
	none := func() schema { return orNull(listOf(schema{}, 0).most(0)) }
	some := func(of schema, most int) schema {
		l := listOf(of, most)
		l["minItems"] = 1
		return l
	}
	return []schema{
		one("No ACLs", nil, properties{acls: none()}),
		one("ACLs by Kafka's own requests", []string{enabled, users}, properties{
			enabled: schema{"const": true}, users: some(name(mapping.MaxName), mapping.MaxSuperUsers), acls: none(),
			"type": orNull(matching(inAnyCase(typeStandard, typePartner))).byDefault(typeStandard),
		}),
		one("ACLs written here, not in force", []string{mode}, properties{mode: oneOf(mapping.RestAPI), users: none()}),
		one("ACLs written here", []string{mode, enabled, acls}, properties{
			mode: oneOf(mapping.RestAPI), enabled: schema{"const": true}, users: none(), acls: some(ref("ACL"), mapping.MaxACLs),
		}),
	}
}

func life() schema {
	return about(schema{"type": "integer", "minimum": 1, "maximum": maxLife}, "How long the token is good for.")
}

func byVCluster() schema {
	return orNull(vclusterName()).byDefault(mapping.Passthrough)
}

func vclusterName() schema {
	return schema{"type": "string", "minLength": 1, "maxLength": mapping.MaxVCluster, "pattern": vclusterPattern}
}

// declarable is the name of a virtual cluster that does not exist without being declared.
func declarable() schema {
	s := vclusterName()
	s["not"] = schema{"const": mapping.Passthrough}
	return s
}

func aText() schema { return schema{"type": "string", "minLength": 1} }

func matching(pattern string) schema { return schema{"type": "string", "pattern": pattern} }

func oneOf(words ...string) schema { return schema{"type": "string", "enum": words} }

// most limits a list.
func (s schema) most(n int) schema {
	s["maxItems"] = n
	return s
}

// inAnyCase is a pattern of words whose case does not matter.
func inAnyCase(words ...string) string {
	var all []string
	for _, w := range words {
		p := ""
		for _, c := range strings.ToUpper(w) {
			p += "[" + string(c) + strings.ToLower(string(c)) + "]"
		}
		all = append(all, p)
	}
	return "^(" + strings.Join(all, "|") + ")$"
}

type properties map[string]schema

// object is closed: decoders refuse what they do not know.
func object(required []string, p properties) schema {
	o := schema{"type": "object", "properties": p, "additionalProperties": false}
	if len(required) > 0 {
		o["required"] = required
	}
	return o
}

// listOf has at most so many items; 0 is any number.
func listOf(of schema, most int) schema {
	l := schema{"type": "array", "items": of}
	if most > 0 {
		l["maxItems"] = most
	}
	return l
}

func aCount() schema { return schema{"type": "integer", "minimum": 0} }

func aString() schema  { return schema{"type": "string"} }
func aBoolean() schema { return schema{"type": "boolean"} }

// noControl is what checkName of package mapping asks of the characters.
const noControl = `[^\u0000-\u001f\u007f-\u009f]`

// name is a text that goes into logs and onto the wire: not empty, no control characters.
func name(most int) schema {
	return schema{"type": "string", "minLength": 1, "maxLength": most, "pattern": "^" + noControl + "+$"}
}

// nameOrEmpty is a name that may also be empty.
func nameOrEmpty(most int) schema {
	return schema{"type": "string", "maxLength": most, "pattern": "^" + noControl + "*$"}
}

func fingerprint() schema {
	return about(schema{"type": "string", "pattern": `^([0-9A-Fa-f]{64}|[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31})$`},
		"The SHA-256 of the certificate: 64 hexadecimal digits, colons between every two of them or not.")
}

// orNull is s, or null, which means the same as absent.
func orNull(s schema) schema {
	s["type"] = []string{s["type"].(string), "null"}
	return s
}

func about(s schema, text string) schema {
	s["description"] = text
	return s
}

func (s schema) example(json string) schema {
	s["examples"] = []rawJSON{rawJSON(json)}
	return s
}

func (s schema) byDefault(v any) schema {
	s["default"] = v
	return s
}

func ref(name string) schema { return schema{"$ref": "#/components/schemas/" + name} }

// rawJSON is written into a document as it is.
type rawJSON string

// MarshalJSON returns the text itself.
func (r rawJSON) MarshalJSON() ([]byte, error) { return []byte(r), nil }
