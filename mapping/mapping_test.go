package mapping_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/postern-kafka/postern/mapping"
)

func TestValidate(t *testing.T) {
	long := strings.Repeat("x", mapping.MaxName)
	many := make([]string, mapping.MaxGroups)
	for i := range many {
		many[i] = strings.Repeat("g", i+1)
	}
	for _, tc := range []struct {
		what  string
		give  mapping.Mapping
		want  mapping.Mapping
		field string
	}{
		{
			what: "defaults are written out",
			give: mapping.Mapping{Username: "u"},
			want: mapping.Mapping{Username: "u", Principal: "u", VCluster: "passthrough"},
		},
		{
			what: "nothing is changed that was given, but groups given twice",
			give: mapping.Mapping{Username: "u", Principal: " CN=ä\\, x ", VCluster: "a.B_9-", Groups: []string{"b", "a", "b"}},
			want: mapping.Mapping{Username: "u", Principal: " CN=ä\\, x ", VCluster: "a.B_9-", Groups: []string{"b", "a"}},
		},
		{
			what: "no groups are nil",
			give: mapping.Mapping{Username: "u", Groups: []string{}},
			want: mapping.Mapping{Username: "u", Principal: "u", VCluster: "passthrough"},
		},
		{
			what: "the longest of everything",
			give: mapping.Mapping{Username: long, Principal: long, VCluster: long[:64], Groups: many},
			want: mapping.Mapping{Username: long, Principal: long, VCluster: long[:64], Groups: many},
		},
		{what: "no username", give: mapping.Mapping{Principal: "p"}, field: "username"},
		{what: "username too long", give: mapping.Mapping{Username: long + "x"}, field: "username"},
		{what: "username not UTF-8", give: mapping.Mapping{Username: "\xff"}, field: "username"},
		{what: "control character", give: mapping.Mapping{Username: "a\nb"}, field: "username"},
		{what: "control character of Latin-1", give: mapping.Mapping{Username: "a\u0085b"}, field: "username"},
		{what: "principal too long", give: mapping.Mapping{Username: "u", Principal: long + "x"}, field: "principal"},
		{what: "principal not UTF-8", give: mapping.Mapping{Username: "u", Principal: "\xc3("}, field: "principal"},
		{what: "NUL in the principal", give: mapping.Mapping{Username: "u", Principal: "\x00"}, field: "principal"},
		{what: "vcluster too long", give: mapping.Mapping{Username: "u", VCluster: long[:65]}, field: "vcluster"},
		{what: "vcluster with a slash", give: mapping.Mapping{Username: "u", VCluster: "a/b"}, field: "vcluster"},
		{what: "too many groups", give: mapping.Mapping{Username: "u", Groups: append(many[:100:100], "x")}, field: "groups"},
		{what: "empty group", give: mapping.Mapping{Username: "u", Groups: []string{"g", ""}}, field: "groups[1]"},
		{what: "group too long", give: mapping.Mapping{Username: "u", Groups: []string{long[:256]}}, field: "groups[0]"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			got, err := tc.give.Validate()
			var fe *mapping.FieldError
			switch {
			case tc.field == "" && (err != nil || !reflect.DeepEqual(got, tc.want)):
				t.Errorf("%+v, %v\n  want %+v", got, err, tc.want)
			case tc.field != "" && (!errors.As(err, &fe) || fe.Field != tc.field):
				t.Errorf("error %v, want one of field %s", err, tc.field)
			}
			if again, err2 := got.Validate(); err == nil && (err2 != nil || !reflect.DeepEqual(again, got)) {
				t.Errorf("validated twice: %+v, %v", again, err2)
			}
		})
	}
}
