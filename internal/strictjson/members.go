package strictjson

import (
	"reflect"
	"strings"
)

// MemberTypes returns the types of the members that JSON has of a struct type, by
// their names.
func MemberTypes(t reflect.Type) map[string]reflect.Type {
	out := make(map[string]reflect.Type)
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.Anonymous && name != "" {
			out[name] = f.Type
		}
	}
	return out
}
