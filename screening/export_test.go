package screening

// ReadUpTo is how Parse bounds a list.
var ReadUpTo = readUpTo

// AllIDs returns every identifier that a list can be asked for.
func AllIDs(l *List) []string {
	var all []string
	for id := range l.ids {
		all = append(all, id)
	}
	return all
}

// AllNames returns every name of a list.
func AllNames(l *List) []string {
	var all []string
	for _, e := range l.entries {
		all = append(all, e.names...)
	}
	return all
}

// OwnSchemes returns the schemes that are made of lists' own words.
func OwnSchemes() []string {
	var all []string
	for _, n := range cslNumbers {
		all = append(all, n.own)
	}
	for _, n := range ftmNumbers {
		all = append(all, "ftm-"+kebab(n.property))
	}
	for scheme := range ownForms {
		all = append(all, scheme)
	}
	return all
}
