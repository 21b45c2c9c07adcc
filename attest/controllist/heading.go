package controllist

import "strings"

// A Heading is a part of a list that an entry stands under, and what the list
// calls it. It is for people: it covers nothing, and decides nothing.
type Heading struct {
	// Part names the part: Category 5, Product group A.
	Part string
	// Title is the list's own, in English.
	Title string
}

// Headings returns what an entry stands under, the outermost first; none where the
// list has no such parts, and for the zero Entry. They are those of
//
//	US_CCL     15 CFR 738.2(a) and (b), and the headings of 15 CFR 774 Supp. 1
//	US_USML    22 CFR 121.1
//	IN_SCOMET  Appendix 3 to Schedule 2 of ITC (HS)
//	WASSENAAR  List of Dual-Use Goods and Technologies; Munitions List
//	EU_DU      Annex I to Regulation (EU) 2021/821
//
// in the editions in force in 2025, without the quotation marks of defined terms.
// That an entry's number falls under a heading is all that is said: whether the
// list has the entry is not checked, as nowhere here.
func (e Entry) Headings() []Heading {
	switch e.list {
	case USCCL:
		if e.text == "EAR99" {
			return []Heading{{"EAR99", "Subject to the EAR and not elsewhere specified on the list"}}
		}
		return dualUse(cclCategories, e.text[:1], e.text[1:2])
	case EUDualUse:
		return dualUse(euCategories, e.text[:1], e.text[1:2])
	case Wassenaar:
		if strings.HasPrefix(e.text, "ML") {
			return []Heading{{"Munitions List", "Wassenaar Arrangement Munitions List"}}
		}
		return dualUse(euCategories, e.text[:1], e.text[2:3])
	case INSCOMET:
		return []Heading{{"Category " + e.text[:1], scometCategories[e.text[0]-'0']}}
	case USUSML:
		category, _, _ := strings.Cut(e.text, "(")
		for i, c := range usmlCategories {
			if c == category {
				return []Heading{{"Category " + c, usmlTitles[i]}}
			}
		}
	}
	return nil
}

// Source names the publication that has the headings of a list; "" for a list that
// is not known.
func Source(list string) string {
	switch list {
	case USCCL:
		return "15 CFR Part 774, Supplement No. 1"
	case USUSML:
		return "22 CFR 121.1"
	case INSCOMET:
		return "Appendix 3 to Schedule 2 of ITC (HS)"
	case Wassenaar:
		return "Wassenaar Arrangement, control lists"
	case EUDualUse:
		return "Regulation (EU) 2021/821, Annex I"
	}
	return ""
}

func dualUse(categories [10]string, category, group string) []Heading {
	return []Heading{
		{"Category " + category, categories[category[0]-'0']},
		{"Product group " + group, productGroups[group[0]-'A']},
	}
}

var (
	cclCategories = [10]string{
		"Nuclear Materials, Facilities and Equipment and Miscellaneous",
		"Materials, Chemicals, Microorganisms, and Toxins",
		"Materials Processing",
		"Electronics",
		"Computers",
		"Telecommunications and Information Security",
		"Sensors and Lasers",
		"Navigation and Avionics",
		"Marine",
		"Aerospace and Propulsion",
	}
	// euCategories are Wassenaar's, too, which has none numbered 0.
	euCategories = [10]string{
		"Nuclear Materials, Facilities and Equipment",
		"Special Materials and Related Equipment",
		"Materials Processing",
		"Electronics",
		"Computers",
		"Telecommunications and Information Security",
		"Sensors and Lasers",
		"Navigation and Avionics",
		"Marine",
		"Aerospace and Propulsion",
	}
	productGroups = [5]string{
		"Systems, Equipment and Components",
		"Test, Inspection and Production Equipment",
		"Materials",
		"Software",
		"Technology",
	}
	scometCategories = [9]string{
		"Nuclear materials, nuclear-related other materials, equipment and technology",
		"Toxic chemical agents and other chemicals",
		"Micro-organisms, toxins",
		"Materials, materials processing equipment and related technologies",
		"Nuclear-related other equipment and technology, not controlled under Category 0",
		"Aerospace systems, equipment including production and test equipment, related technology and specially designed components and accessories therefor",
		"Munitions List",
		"Reserved",
		"Special materials and related equipment, material processing, electronics, computers, telecommunications, information security, sensors and lasers, navigation and avionics, marine, aerospace and propulsion",
	}
	// usmlTitles are in the order of usmlCategories.
	usmlTitles = [21]string{
		"Firearms and Related Articles",
		"Guns and Armament",
		"Ammunition and Ordnance",
		"Launch Vehicles, Guided Missiles, Ballistic Missiles, Rockets, Torpedoes, Bombs, and Mines",
		"Explosives and Energetic Materials, Propellants, Incendiary Agents, and Their Constituents",
		"Surface Vessels of War and Special Naval Equipment",
		"Ground Vehicles",
		"Aircraft and Related Articles",
		"Military Training Equipment and Training",
		"Personal Protective Equipment",
		"Military Electronics",
		"Fire Control, Laser, Imaging, and Guidance Equipment",
		"Materials and Miscellaneous Articles",
		"Toxicological Agents, Including Chemical Agents, Biological Agents, and Associated Equipment",
		"Spacecraft and Related Articles",
		"Nuclear Weapons Related Articles",
		"Classified Articles, Technical Data, and Defense Services Not Otherwise Enumerated",
		"Directed Energy Weapons",
		"Gas Turbine Engines and Associated Equipment",
		"Submersible Vessels and Related Articles",
		"Articles, Technical Data, and Defense Services Not Otherwise Enumerated",
	}
)
