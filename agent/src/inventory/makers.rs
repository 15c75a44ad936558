//! Makers of monitors, panels and projectors by their PNP id (UEFI Forum, PNP ID registry).
//!
//! Only makers of what has an EDID block. Names are those under which inventories of the last twenty years know them:
//! the registry has renamed some since (GSM is LG), and the same monitor should not seem to change its maker.

/// One a line: three letters of the id, the name.
const MAKERS: &str = "\
ABOD-Link Systems Inc\n\
ACIAncor Communications Inc\n\
ACRAcer Technologies\n\
ACTApplied Creative Technology\n\
ADIADI Systems Inc\n\
AICAG Neovo\n\
AMWAMW\n\
AOCAOC International (USA) Ltd.\n\
APIA Plus Info Corporation\n\
APPApple Computer Inc\n\
ARTCorion Industrial Corporation\n\
ASTAST Research Inc\n\
AUOAU Optronics\n\
AUSASUSTek COMPUTER INC\n\
AVOAvocent Corporation\n\
BCDBarco GmbH\n\
BDSBarco Display Systems\n\
BEOBaug & Olufsen\n\
BMMBMM\n\
BNQBenQ Corporation\n\
BOEBOE\n\
BTCBit 3 Computer\n\
BULBull\n\
CAICanon Inc.\n\
CASCASIO COMPUTER CO.,LTD\n\
CDGChristie Digital Systems Inc\n\
CEICrestron Electronics, Inc.\n\
CHTChunghwa Picture Tubes,LTD.\n\
CMNChimei Innolux Corporation\n\
CMOChi Mei Optoelectronics corp.\n\
CNNCanon Inc\n\
CPLCompal Electronics Inc\n\
CPQCompaq Computer Company\n\
CPTcPATH\n\
CRNCornerstone Imaging\n\
CTXCreatix Polymedia GmbH\n\
DAEDigatron Industrie Elektronik GmbH\n\
DECDigital Equipment Corporation\n\
DELDell Inc.\n\
DLLDell Inc\n\
DPCDelta Electronics Inc\n\
DPLDigital Projection Limited\n\
DTODeutsche Thomson OHG\n\
DWEDaewoo Electronics Company Ltd\n\
ECSELITEGROUP Computer Systems\n\
EGDEIZO GmbH Display Technologies\n\
EIZEIZO\n\
ELOTyco Electronics\n\
EMCeMicro Corporation\n\
ENCEizo Nanao Corporation\n\
EPIEnvision Peripherals, Inc\n\
EXNRGB Systems, Inc. dba Extron Electronics\n\
FCMFunai Electric Company of Taiwan\n\
FDTFujitsu Display Technologies Corp.\n\
FNIFunai Electric Co., Ltd.\n\
FUJFujitsu Ltd\n\
FUSFujitsu Siemens Computers GmbH\n\
GBTGIGA-BYTE TECHNOLOGY CO., LTD.\n\
GEMGem Plus\n\
GSMGoldstar Company Ltd\n\
GWYGateway 2000\n\
HANHanchang System Corporation\n\
HCEHitachi Consumer Electronics Co., Ltd\n\
HCLHCL America Inc\n\
HECHitachi Engineering Company Ltd\n\
HEIHyundai Electronics Industries Co., Ltd.\n\
HITHitachi America Ltd\n\
HKCHKC OVERSEAS LIMITED\n\
HPCHewlett Packard Co.\n\
HPDHewlett Packard\n\
HPNHP Inc.\n\
HPQHP\n\
HREQingdao Haier Electronics Co., Ltd.\n\
HSDHannspree Inc\n\
HSLHansol Electronics\n\
HSPHannStar Display Corp\n\
HTCHitachi Ltd\n\
HWPHewlett Packard\n\
HWVHuawei Technologies Co., Inc.\n\
HYCHypercope Gmbh Aachen\n\
HYDHydis Technologies.Co.,LTD\n\
HYOHYC CO., LTD.\n\
IBMIBM France\n\
ICLFujitsu ICL\n\
IDTInternational Display Technology\n\
IFSIn Focus Systems Inc\n\
INLInnoLux Display Corporation\n\
IQTIMAGEQUEST Co., Ltd\n\
IVMIiyama North America\n\
JDIJapan Display Inc.\n\
JKCJVC KENWOOD Corporation\n\
JVCJVC\n\
KDMKorea Data Systems Co., Ltd.\n\
KDSKDS USA\n\
KFCSCD Tech\n\
LCDToshiba Matsushita Display Technology Co., Ltd\n\
LEDLong Engineering Design Inc\n\
LENLenovo Group Limited\n\
LEOFirst International Computer Inc\n\
LGDLG Display\n\
LGSLG Semicom Company Ltd\n\
LGXLasergraphics, Inc.\n\
LINLenovo Beijing Co. Ltd.\n\
LKMLikom Technology Sdn. Bhd.\n\
LNVLenovo\n\
LOELoewe Opta GmbH\n\
LPLLG Philips\n\
LTNLitronic Inc\n\
MAGMAG InnoVision\n\
MATPanasonic Connect Co.,Ltd.\n\
MAXRogen Tech Distribution Inc\n\
MDGMadge Networks\n\
MDOPanasonic\n\
MEDMesseltronik Dresden GmbH\n\
MEEMitsubishi Electric Engineering Co., Ltd.\n\
MEIPanasonic Industry Company\n\
MELMitsubishi Electric Corporation\n\
MGCMentor Graphics Corporation\n\
MIDmiro Displays\n\
MIRMiro Computer Prod.\n\
MSIMicrostep\n\
MTCMars-Tech Corporation\n\
MTXMatrox\n\
MXDMaxData Computer GmbH & Co.KG\n\
NANNANAO\n\
NCENorcent Technology, Inc.\n\
NCPNajing CEC Panda FPD Technology CO. ltd\n\
NECNEC Corporation\n\
NEXNexgen Mediatech Inc.,\n\
NIXSeanix Technology Inc\n\
NMVNEC-Mitsubishi Electric Visual Systems Corporation\n\
NOKNokia Display Products\n\
NVDNvidia\n\
NVTNavatek Engineering Corporation\n\
OECORION ELECTRIC CO.,LTD\n\
OKIOKI Electric Industrial Company Ltd\n\
OLDOlidata S.p.A.\n\
OLIOlivetti\n\
ONKONKYO Corporation\n\
OPTOPTi Inc\n\
OQIOPTIQUEST\n\
ORNORION ELECTRIC CO., LTD.\n\
OTMOptoma Corporation\n\
PBLPackard Bell Electronics\n\
PBNPackard Bell NEC\n\
PCKPCBANK21\n\
PDCPolaroid\n\
PDRPure Data Inc\n\
PGSPrinceton Graphic Systems\n\
PHLPhilips Consumer Electronics Company\n\
PIOPioneer Electronic Corporation\n\
PJDProjectiondesign AS\n\
PLVPLUS Vision Corp.\n\
PNRPlanar Systems, Inc.\n\
PNSPanaScope\n\
PRTParade Technologies, Ltd.\n\
PTSPlain Tree Systems Inc\n\
PVGProview Global Co., Ltd\n\
PVIPrime view international Co., Ltd\n\
PXNPixelNext Inc\n\
QCIQuanta Computer Inc\n\
QDSQuanta Display Inc.\n\
RELReliance Electric Ind Corporation\n\
RHTRed Hat, Inc.\n\
RICRICOH COMPANY, LTD.\n\
RUNRUNCO International\n\
SAMSamsung Electric Company\n\
SANSanyo Electric Co.,Ltd.\n\
SBISMART Technologies Inc.\n\
SDISamtron Displays Inc\n\
SECSeiko Epson Corporation\n\
SEMSamsung Electronics Company Ltd\n\
SGIScan Group Ltd\n\
SGXSilicon Graphics Inc\n\
SHPSharp Corporation\n\
SIASIEMENS AG\n\
SIESiemens\n\
SIISilicon Image, Inc.\n\
SKYSKYDATA S.P.A.\n\
SMISpaceLabs Medical Inc\n\
SMTSilcom Manufacturing Tech Inc\n\
SNISiemens Microdesign GmbH\n\
SNPSiemens Nixdorf Info Systems\n\
SNYSony Corporation\n\
SONSony\n\
SPTSceptre Tech Inc\n\
SPUSIM2 Multimedia S.P.A.\n\
SRCIntegrated Tech Express Inc\n\
SSESamsung Electronic Co.\n\
STNSamsung Electronics America\n\
SUNSun Electronics Corporation\n\
SVASGEG\n\
SVISun Microsystems\n\
SYLSylvania Computer Products\n\
TATTeleliaison Inc\n\
TAXTaxan (Europe) Ltd\n\
TCLTechnical Concepts Ltd\n\
TCRThomson Consumer Electronics\n\
TCSTatung Company of America Inc\n\
TERTerraTec Electronic GmbH\n\
TLXTelxon Corporation\n\
TMXThermotrex Corporation\n\
TOSToshiba Corporation\n\
TPVTop Victory Electronics ( Fujian ) Company Ltd\n\
TRLRoyal Information\n\
TSBToshiba America Info Systems Inc\n\
TSCSanyo Electric Company Ltd\n\
TSETottori Sanyo Electric\n\
TSLTottori SANYO Electric Co., Ltd.\n\
TTETTE, Inc.\n\
TTKTotoku Electric Company Ltd\n\
TVMTaiwan Video & Monitor Corporation\n\
TWHTwinhead International Corporation\n\
UEGElitegroup Computer Systems Company Ltd\n\
UNMUnisys Corporation\n\
UNTUnisys Corporation\n\
VCJVictor Company of Japan, Limited\n\
VDOVideo & Display Oriented Corporation\n\
VESVestel Elektronik Sanayi ve Ticaret A. S.\n\
VIBTatung UK Ltd\n\
VIZVIZIO, Inc\n\
VLBValleyBoard Ltda.\n\
VMWVMware Inc.,\n\
VOBMaxData Computer AG\n\
VPRBest Buy\n\
VQ@Vision Quest\n\
VSCViewSonic Corporation\n\
VSNIngram Macrotron\n\
VTKViewteck Co., Ltd.\n\
WACWacom Tech\n\
WDEWestinghouse Digital Electronics\n\
WSTWistron Corporation\n\
WYSMyse Technology\n\
WYTWooyoung Image & Information Co.,Ltd.\n\
XERXER\n\
XOCXOC\n\
YMHYamaha Corporation\n\
ZCMZenith Data Systems\n\
ZDSZenith Data Systems\n\
ZMTZalman Tech Co., Ltd.";

/// The maker's name.
pub fn name(id: &str) -> Option<&'static str> {
    MAKERS.lines().find_map(|line| line.strip_prefix(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_an_id_and_a_name_and_they_are_in_order() {
        let ids: Vec<&str> = MAKERS.lines().map(|line| &line[..3]).collect();
        assert!(ids.is_sorted() && MAKERS.lines().all(|line| line.len() > 3 && !line.contains("  ")));
        assert_eq!(name("DEL"), Some("Dell Inc."));
        assert_eq!(name("ZZZ"), None);
    }
}
