package codec

import (
	"encoding/binary"
	"reflect"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Error codes of Kafka that the gateway answers with.
const (
	ErrCodeTopicAuthorization   = 29
	ErrCodeGroupAuthorization   = 30
	ErrCodeClusterAuthorization = 31
	ErrCodeMechanism            = 33 // UNSUPPORTED_SASL_MECHANISM
	ErrCodeSaslState            = 34 // ILLEGAL_SASL_STATE
	ErrCodeUnsupportedVersion   = errUnsupportedVersion
	ErrCodeTxnAuthorization     = 53
	ErrCodeAuthentication       = 58 // SASL_AUTHENTICATION_FAILED
)

// Unauthorized returns the error by which an API says that the client may not.
func Unauthorized(key int16) int16 {
	switch key {
	case 0, 1, 2, 3, 19, 20, 21, 23, 37, 61, 75, 78, 79:
		return ErrCodeTopicAuthorization
	case 8, 9, 10, 11, 12, 13, 14, 15, 42, 47, 68, 69, 76, 77, 88, 89, 90, 91, 92, 93:
		return ErrCodeGroupAuthorization
	case 22, 24, 25, 26, 28, 65:
		return ErrCodeTxnAuthorization
	}
	return ErrCodeClusterAuthorization
}

// mirrorLimit is the size up to which a request is decoded for an answer that says
// no: what decoding costs is many times that.
const mirrorLimit = 8 << 10

// AppendRefusal appends an answer to the request h that says nothing but an error
// code and a text, where the API has places for them, and returns dst as it was if
// it has no answer (unknown to us, or Produce that said acks=0 or may have). frame may be cut: what
// the answer repeats of a short request (topics, partitions) is left out of it then.
//
// It is for the last answer of a connection: it allocates freely.
func AppendRefusal(dst []byte, h Head, frame []byte, code int16, text string) []byte {
	row := Lookup(h.Key)
	req := kmsg.RequestForKey(h.Key)
	if row == nil || req == nil || h.Version > req.MaxVersion() {
		return dst
	}
	req.SetVersion(h.Version)
	answer := req.ResponseKind()
	if initial, ok := answer.(interface{ Default() }); ok {
		initial.Default()
	}
	answer.SetVersion(h.Version)
	r := refusal{code: code, text: text[:min(len(text), maxErrorMessage)]}
	if h.Size <= mirrorLimit && len(frame) >= h.Size {
		in := request(row.Flex, h, frame[:h.Size])
		if !in.ok() || req.ReadFrom(frame[in.off:h.Size]) != nil {
			req = kmsg.RequestForKey(h.Key)
		}
	}
	if p, ok := req.(*kmsg.ProduceRequest); ok && p.Acks == 0 {
		return dst
	}
	r.fill(reflect.ValueOf(req).Elem(), reflect.ValueOf(answer).Elem())
	if find, ok := req.(*kmsg.FindCoordinatorRequest); ok {
		r.coordinators(find, answer.(*kmsg.FindCoordinatorResponse))
	}
	at := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.Corr))
	if answer.IsFlexible() && h.Key != keyApiVersions {
		dst = append(dst, 0)
	}
	return sized(answer.AppendTo(dst), at)
}

// refusal is what goes into every place for an error.
type refusal struct {
	code int16
	text string
}

// fill puts the error into answer and into an element of it for each element of
// request's slice of the same name.
func (r *refusal) fill(request, answer reflect.Value) {
	for i := range answer.NumField() {
		field, name := answer.Field(i), answer.Type().Field(i).Name
		switch {
		case name == "ErrorCode" && field.Kind() == reflect.Int16:
			field.SetInt(int64(r.code))
			continue
		case name == "ErrorMessage" && field.Type() == reflect.TypeFor[*string]():
			field.Set(reflect.ValueOf(&r.text))
			continue
		}
		asked := reflect.Value{}
		if request.Kind() == reflect.Struct {
			asked = request.FieldByName(name)
		}
		switch {
		case !asked.IsValid() || name == "Version" || name == "UnknownTags":
		case asked.Type() == reflect.TypeFor[[]byte](): // nothing of what may be a secret
		case asked.Type() == field.Type():
			field.Set(asked)
		case asked.Kind() == reflect.Slice && field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.Struct:
			r.mirror(asked, field)
		}
	}
}

func (r *refusal) mirror(asked, field reflect.Value) {
	field.Set(reflect.MakeSlice(field.Type(), asked.Len(), asked.Len()))
	for i := range asked.Len() {
		one, of := field.Index(i), asked.Index(i)
		if initial, ok := one.Addr().Interface().(interface{ Default() }); ok {
			initial.Default()
		}
		if of.Kind() != reflect.Struct { // an id, a name: the answer's field of that kind
			for j := range one.NumField() {
				if f := one.Field(j); f.Type() == of.Type() {
					f.Set(of)
					break
				}
			}
		}
		r.fill(of, one)
	}
}

func (r *refusal) coordinators(find *kmsg.FindCoordinatorRequest, answer *kmsg.FindCoordinatorResponse) {
	answer.NodeID, answer.Port = -1, -1
	for _, key := range find.CoordinatorKeys {
		c := kmsg.NewFindCoordinatorResponseCoordinator()
		c.Key, c.NodeID, c.Port, c.ErrorCode, c.ErrorMessage = key, -1, -1, r.code, &r.text
		answer.Coordinators = append(answer.Coordinators, c)
	}
}
