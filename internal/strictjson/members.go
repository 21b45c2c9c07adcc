package strictjson

import (
	"reflect"
	"strings"
)

// MemberTypes returns the types of the members that people write of a struct type, by
// their names: those that JSON has of it, but for fields tagged draft:"-".
func MemberTypes(t reflect.Type) map[string]reflect.Type {
	out := make(map[string]reflect.Type)
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.Anonymous && name != "" && f.Tag.Get("draft") != "-" {
			out[name] = f.Type
		}
	}
	return out
}
