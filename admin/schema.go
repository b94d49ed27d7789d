package admin

import "github.com/postern-kafka/postern/mapping"

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
	"Versions": object([]string{"gateway"}, properties{"gateway": aString()}),
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
