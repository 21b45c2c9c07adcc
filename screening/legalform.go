package screening

import (
	"slices"
	"strings"
)

// The legal forms that Normalise drops: phrases between commas, of words that
// may have several spellings, between bars. They are read like names, so that
// case, full stops and hyphens do not matter here either.

// endForms stand at the end of a name.
const endForms = `
	// English, worldwide.
	co|company, corp|corporation|corpn, inc|incorporated|incorp, ltd|limited|ltda, llc|lc|pllc|plc|ulc|llp|lp|lllp|pc|cic|dac,
	co|company|corp|corporation ltd|limited|inc|incorporated|llc|plc, coltd, and co|company, and co|company ltd|limited|inc, ltd|limited co|company,
	public ltd|limited, public ltd|limited co|company, public co|company ltd|limited, public company, plc ltd,
	ltd|limited liability co|company|corp|corporation|partnership, ltd|limited|general partnership, professional corporation|association,
	professional limited liability company, unlimited company, designated activity company, community interest company,
	co|company ltd|limited by guarantee|shares, ltd|limited by guarantee|shares, proprietary limited, pty ltd|limited, pty, limitée|limitee|ltée|ltee|incorporée|incorporee,
	joint stock co|company|corp|corporation|society, jointstock co|company, public|open|closed|private|limited|mixed joint stock co|company, public stock company,
	jsc|pjsc|ojsc|cjsc|jscb|pjs, jsc|pjsc|ojsc|cjsc co|company, public|open|closed|private jsc, joint stock commercial bank, private|public joint stock,

	// India, Pakistan, Bangladesh, Sri Lanka.
	pvt|private|prvt|pvte ltd|limited, p ltd|limited, pvt|private, pvt|private co|company, pvt|private co|company ltd|limited, private limited co|company, private limited liability company,
	opc pvt|private ltd|limited, opc p ltd|limited, opc, one person company, smc pvt|private ltd|limited, लिमिटेड, प्राइवेट लिमिटेड,

	// Singapore, Malaysia, Indonesia, Thailand, Viet Nam.
	pte ltd|limited, pte, sdn bhd, sendirian berhad, bhd|berhad, tbk, persero, persero tbk, pcl, จำกัด, มหาชน,

	// China, Hong Kong, Taiwan, Japan, Korea, Mongolia.
	youxian gongsi, youxian zeren gongsi, gufen youxian gongsi, kk|gk|yk, kabushiki|kabusiki kaisha|gaisha, yugen|godo kaisha|gaisha, 株, 有,
	jusikhoesa, jusik hoesa, yuhan hoesa, 주, 유, xxk|ххк,

	// Germany, Austria, Switzerland.
	gmbh|mbh|ggmbh|gesmbh|ag|gag|kg|ohg|og|kgaa|gbr|egbr|partg|eg|ek|ev|ug|gug|ewiv|vvag, ges mbh, gesellschaft mbh, gemeinnützige|gemeinnuetzige gmbh, partg|partnerschaft mbb, partgmbb,
	gesellschaft|ges mit beschränkter|beschraenkter|beschrankter|beschr haftung, aktiengesellschaft|kommanditgesellschaft, aktien|kommandit gesellschaft, kommanditgesellschaft auf aktien, offene handelsgesellschaft,
	eingetragene genossenschaft, eingetragener verein|kaufmann, eingetragene kauffrau, gmbh|mbh co, gmbh|mbh and|und|u co,
	ug haftungsbeschränkt|haftungsbeschraenkt|haftungsbeschrankt, unternehmergesellschaft, unternehmergesellschaft haftungsbeschränkt|haftungsbeschraenkt|haftungsbeschrankt,
	gmbh|mbh|ag|ug|se|ltd|limited|bv|stiftung co|company kg|ohg|kgaa, gmbh|mbh|ag|ug|se|ltd|limited|bv|stiftung and|und|u co|company kg|ohg|kgaa, co kg|ohg|kgaa, and|und co kg|ohg|kgaa, gesellschaft mbh co kg,

	// France, Belgium, Luxembourg, the Netherlands.
	sa|sarl|sàrl|sarlu|sas|sasu|eurl|snc|sca|scs|sci|scop|sprl|scrl|asbl|aisbl|gie, cie, and cie, et cie|compagnie, sa sicav, sicav,
	société|societe anonyme, société|societe anonyme simplifiée|simplifiee, société|societe à|a responsabilité|responsabilite limitée|limitee, société|societe privée|privee à|a responsabilité|responsabilite limitée|limitee,
	société|societe par actions simplifiée|simplifiee, société|societe par actions simplifiée|simplifiee unipersonnelle, société|societe en nom collectif, société|societe en commandite simple, société|societe en commandite par actions,
	bv|nv|vof|bvba|cvba|cva|srlu, besloten vennootschap, besloten vennootschap met beperkte aansprakelijkheid, naamloze|commanditaire vennootschap, vennootschap onder firma, coöperatie|cooperatie ua,

	// Spain, Portugal, Italy, Latin America.
	sl|slu|slp|slne|sll|sau|srl|srls|scl|ca|eirl|eireli|lda|spa|sapa|scpa|scarl|saci|sacif|saicf|sac|saa|sal, limitada, cia|compañía|compania ltda|limitada|sa, compañía|compania anónima|anonima, unipessoal lda|ltda,
	sociedad|sociedade anónima|anonima|anônima, sociedad anónima|anonima cerrada|abierta|bursátil|bursatil, sociedad|sociedade limitada, sociedad|sociedade de responsabilidad|responsabilidade limitada, sociedad por acciones simplificada, sociedade por quotas,
	sociedad anónima|anonima de capital variable, sociedad de responsabilidad limitada de capital variable, sociedad en comandita, sociedad colectiva, sa|sas|sapi|sab de cv, s de rl de cv, s de rl, srl de cv, sacv, s en c, s en cs, s en c por a, s en nc, c por a, cv,
	società|societa per azioni, società|societa a responsabilità|responsabilita limitata, società|societa in nome collettivo, società|societa in accomandita semplice, srl unipersonale,

	// The Nordic and Baltic countries.
	ab|abp|kb|hb|publ, ab publ, aktiebolag|aktiebolaget, as|asa|aps|ivs|amba, aksjeselskap|allmennaksjeselskap|aktieselskab|aktieselskabet|anpartsselskab, oy|oyj|ky, oy ab, osakeyhtiö|osakeyhtio, julkinen osakeyhtiö|osakeyhtio,
	oü|ou, osaühing|osauhing|aktsiaselts, sia, akciju sabiedrība|sabiedriba, sabiedrība|sabiedriba ar ierobežotu|ierobezotu atbildību|atbildibu, uab, akcinė|akcine bendrovė|bendrove, uždaroji|uzdaroji akcinė|akcine bendrovė|bendrove, hf|ehf|ohf, hlutafélag|einkahlutafélag,

	// Central and south-eastern Europe, Greece.
	sp zoo, sp z oo, spzoo, spółka|spolka zoo, spółka|spolka z oo, spółka|spolka z ograniczoną|ograniczona odpowiedzialnością|odpowiedzialnoscia, spółka|spolka akcyjna|jawna|komandytowa, sp k|j|p, spk|spj|psa, sp zoo sp k, sp zoo spk,
	sro, spol sro, spol s ro, společnost|spolecnost|spoločnosť|spolocnost s ručením|rucenim omezeným|omezenym|obmedzeným|obmedzenym, vos, akc spol, akciová|akciova společnost|spolecnost|spoločnosť|spolocnost,
	kft|zrt|nyrt|bt|kkt|rt, korlátolt|korlatolt felelősségű|felelossegu társaság|tarsasag, részvénytársaság|reszvenytarsasag, societate cu răspundere|raspundere limitată|limitata, societate pe acțiuni|actiuni,
	eood|ood|ead|ad|еоод|оод|еад|ад, doo|dd|jdoo|dooel|доо|дд|дооел, društvo|drustvo s|sa ograničenom|ogranicenom odgovornošću|odgovornoscu, akcionarsko|dioničko|dionicko društvo|drustvo, družba|druzba z omejeno odgovornostjo, delniška|delniska družba|druzba, акционерно дружество, дружество с ограничена отговорност, shpk|sha|shk, sh pk|a|k,
	ae|epe|ike|αε|επε|ικε|οε|εε, ανώνυμη|ανωνυμη εταιρεία|εταιρεια|εταιρία|εταιρια, εταιρεία|εταιρεια|εταιρία|εταιρια περιορισμένης|περιορισμενης ευθύνης|ευθυνης, se|sce|eeig, societas europaea,

	// Turkey, Israel, the Gulf, the Levant, Egypt.
	aş, anonim şirketi|sirketi|şirket|sirket|ortaklığı|ortakligi, ltd|limited|lti şti|sti|şirketi|sirketi|şirket|sirket, şti|sti, kollektif|komandit şirketi|sirketi, בעמ, בע מ,
	fze|fzc|fzco|fzllc|dmcc|dwc|jlt|wll|bsc|bscc|ksc|kscc|kscp|psc|qsc|qpsc|saog|saoc|sae|spc|fz, fz llc|co|company, llc fz|fzco|fze|dmcc|spc|opc|sp, dmcc co|company|llc, free zone co|company|establishment|enterprise|llc, fz limited liability co|company, free zone limited liability company,
	bsc c|closed, bsc public, sal offshore|holding, sal off shore, sarl offshore, ذمم|شذمم|شمم,

	// The former Soviet Union.
	ooo|oao|zao|pao|ao|nao|odo|ооо|оао|зао|пао|ао|нао|одо, tov|prat|тов|ат|пат|прат|ват, too|тоо, mchj|mmc|asc|мчж, осоо|osoo, fgup|fsue|gup|mup|rup|фгуп|гуп|муп|руп
`

// startForms stand at the beginning of a name, where that is the custom. They
// are dropped at the end, too.
const startForms = `
	// The former Soviet Union, in both alphabets and in English.
	ooo|oao|zao|pao|ao|nao|odo|tov|prat|too|mchj|fgup|fsue|gup|mup|rup|osoo|ооо|оао|зао|пао|ао|нао|одо|тов|ат|пат|прат|тоо|фгуп|гуп|муп|руп|осоо|ип,
	jsc|pjsc|ojsc|cjsc|jscb|llc|llp, jsc|pjsc|ojsc|cjsc co|company, joint stock co|company|society, public|open|closed|private joint stock co|company, limited liability co|company|partnership, limited co|company,
	obshchestvo|obschestvo|obshestvo s ogranichennoi|ogranichennoy|ogranichennoj otvetstvennostyu|otvetstvennostiu|otvetstvennostju|otvetstvennostu,
	aktsionernoe|aktsionernoye|akcionernoe obshchestvo|obschestvo|obshestvo,
	otkrytoe|otkrytoye|zakrytoe|zakrytoye|publichnoe|publichnoye|nepublichnoe|nepublichnoye aktsionernoe|aktsionernoye|akcionernoe obshchestvo|obschestvo|obshestvo,
	tovarishchestvo s ogranichennoi|ogranichennoy otvetstvennostyu|otvetstvennostiu, tovarystvo z obmezhenoiu|obmezhenoyu vidpovidalnistiu|vidpovidalnistyu, aktsionerne tovarystvo, publichne|pryvatne|vidkryte|zakryte aktsionerne tovarystvo,
	federalnoe|federalnoye gosudarstvennoe|gosudarstvennoye unitarnoe|unitarnoye predpriyatie|predpriyatiye, gosudarstvennoe|gosudarstvennoye unitarnoe|unitarnoye predpriyatie|predpriyatiye, federal state unitary enterprise, state|republican unitary enterprise,
	общество с ограниченной ответственностью, акционерное общество, открытое|закрытое|публичное|непубличное акционерное общество, товарищество с ограниченной ответственностью, общество с дополнительной ответственностью,
	федеральное государственное унитарное предприятие, государственное|муниципальное|республиканское унитарное предприятие, индивидуальный предприниматель,
	товариство з обмеженою відповідальністю, акціонерне товариство, публічне|приватне|відкрите|закрите акціонерне товариство,

	// Elsewhere.
	pt, cv, pt persero, perseroan terbatas, công|cong ty tnhh|cp, công|cong ty cổ|co phần|phan, công|cong ty trách|trach nhiệm|nhiem hữu|huu hạn|han, cty tnhh|cp,
	uab, sia, oü, ab, as, sarl, société|societe anonyme, sociedad|sociedade anónima|anonima, 株, 주, 유
`

// gluedForms stand at an end of a word, in scripts without spaces; longer ones first.
var gluedForms = []string{
	"股份有限责任公司", "股份有限公司", "有限责任公司", "有限責任公司", "责任有限公司", "有限公司", "股份公司", "公司",
	"株式会社", "株式會社", "有限会社", "合同会社", "合資会社", "合名会社", "주식회사", "유한책임회사", "유한회사", "บริษัท", "จำกัด",
}

// privateLimited keeps the P of "(P) Ltd." from being read as an initial of the
// name before it.
var privateLimited = strings.NewReplacer("(p) ltd", " pvt ltd", "(p) limited", " pvt limited", "(p)ltd", " pvt ltd", "(p)limited", " pvt limited", "(p). ltd", " pvt ltd")

// forms are phrases, found by the word at their edge.
type forms struct {
	phrases map[string]bool
	most    map[string]int // of the word at the edge: words of the longest phrase
}

var (
	ends   = newForms(slices.Concat(phrases(endForms), phrases(startForms), gluedForms), func(words []string) string { return words[len(words)-1] })
	starts = newForms(slices.Concat(phrases(startForms), gluedForms), func(words []string) string { return words[0] })
	glued  = foldAll(gluedForms)
)

func foldAll(all []string) []string {
	folded := make([]string, len(all))
	for i, s := range all {
		folded[i] = fold(s)
	}
	return folded
}

// phrases reads a table.
func phrases(table string) []string {
	var all []string
	for line := range strings.Lines(table) {
		if strings.HasPrefix(strings.TrimSpace(line), "//") {
			continue
		}
		for phrase := range strings.SplitSeq(line, ",") {
			if words := strings.Fields(phrase); len(words) > 0 {
				all = append(all, spellings(words)...)
			}
		}
	}
	return all
}

func newForms(phrases []string, edge func(words []string) string) forms {
	f := forms{make(map[string]bool), make(map[string]int)}
	for _, phrase := range phrases {
		words := joinInitials(tokens(fold(phrase)))
		f.phrases[strings.Join(words, " ")] = true
		f.most[edge(words)] = max(f.most[edge(words)], len(words))
	}
	return f
}

// spellings expands the bars.
func spellings(words []string) []string {
	if len(words) == 0 {
		return []string{""}
	}
	var all []string
	for _, first := range strings.Split(words[0], "|") {
		for _, rest := range spellings(words[1:]) {
			all = append(all, strings.TrimSuffix(first+" "+rest, " "))
		}
	}
	return all
}

// dropForms takes legal forms off both ends. Where nothing else is there, what
// is called by a legal form is called by all of it: "AO SPK" is a name.
func dropForms(words []string) []string {
	left := words
	for len(left) > 0 {
		n := len(left)
		left = left[:n-atEnd(left)]
		left = left[atStart(left):]
		if len(left) == n {
			return left
		}
	}
	return words
}

// atEnd returns how many words at the end are legal forms, as many as can be:
// of "joint stock company limited" the longest form at the end, "company
// limited", would leave a half one.
func atEnd(words []string) int {
	return most(len(words), func(done int) int { return ends.most[words[len(words)-1-done]] }, func(done, n int) bool {
		return ends.phrases[strings.Join(words[len(words)-done-n:len(words)-done], " ")]
	})
}

// atStart returns how many words at the beginning are legal forms.
func atStart(words []string) int {
	return most(len(words), func(done int) int { return starts.most[words[done]] }, func(done, n int) bool { return starts.phrases[strings.Join(words[done:done+n], " ")] })
}

// most returns how many of all words, counted from an edge, phrases can take;
// longest says how many words a phrase has at most behind those that are taken.
func most(all int, longest func(done int) int, is func(done, n int) bool) int {
	taken := 0
	reached := []bool{true}
	for done := 0; done < len(reached) && done < all; done++ {
		if !reached[done] {
			continue
		}
		taken = done
		for n := 1; n <= min(longest(done), all-done); n++ {
			if is(done, n) {
				for len(reached) <= done+n {
					reached = append(reached, false)
				}
				reached[done+n] = true
			}
		}
	}
	if len(reached) > all && reached[all] {
		taken = all
	}
	return taken
}

// unglue parts a word from the legal forms that it begins or ends with.
func unglue(t token) []token {
	if ascii(t.word) {
		return []token{t}
	}
	var before, after []token
	word := t.word
	for again := true; again && word != ""; {
		again = false
		for _, form := range glued {
			if rest, ok := strings.CutSuffix(word, form); ok {
				word, after, again = rest, append(after, token{word: form}), true
				break
			}
			if rest, ok := strings.CutPrefix(word, form); ok {
				word, before, again = rest, append(before, token{word: form}), true
				break
			}
		}
	}
	if word != "" {
		before = append(before, token{word, t.apart})
	}
	slices.Reverse(after)
	return append(before, after...)
}
