package attest

// The forms that are written out by hand.
var (
	IsCode      = isCode
	IsProgramme = isProgramme
)
