package policy

// InWords is how decisions write a duration.
var InWords = inWords

// Codes are all codes.
func Codes() []Code { return codes }

// ChangeOf is what would have to change about a reason.
func ChangeOf(r Reason) string { return r.change() }
