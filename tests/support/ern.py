"""An ERN 4.3.2 message, with places for what a test is about."""

MESSAGE = """\
<?xml version="1.0" encoding="UTF-8"?>
<ern:NewReleaseMessage xmlns:ern="http://ddex.net/xml/ern/432" AvsVersionId="11">
  <MessageHeader>
    <MessageId>M-1</MessageId>
    <MessageSender><PartyId>PADPIDA2014XYZ</PartyId>
      <PartyName><FullName>A Distributor</FullName></PartyName></MessageSender>
  </MessageHeader>
  <PartyList>
    <Party><PartyReference>P1</PartyReference>
      <PartyName><FullName>A Singer</FullName></PartyName></Party>
  </PartyList>
  <ResourceList>
    <SoundRecording>
      <ResourceReference>A1</ResourceReference>
      <SoundRecordingEdition>
        <ResourceId><ISRC>US-RC1-76-07839</ISRC></ResourceId>
        <TechnicalDetails><DeliveryFile><File><URI>audio/one%20track.flac</URI>
          <HashSum><HashSumValue>{sha256}</HashSumValue><Algorithm>SHA-256</Algorithm></HashSum>
        </File></DeliveryFile></TechnicalDetails>
      </SoundRecordingEdition>
      <DisplayTitleText>One</DisplayTitleText>
      <DisplayArtist><ArtistPartyReference>P1</ArtistPartyReference>
        <DisplayArtistRole>MainArtist</DisplayArtistRole></DisplayArtist>
      {contributors}
      {recording}
    </SoundRecording>
    <SoundRecording><ResourceReference>A2</ResourceReference></SoundRecording>
    <Image><ResourceReference>A3</ResourceReference>{image}</Image>
  </ResourceList>
  <ReleaseList><Release><ReleaseReference>R0</ReleaseReference>
    <ReleaseId><ICPN>00602557111111</ICPN></ReleaseId></Release></ReleaseList>
  <DealList><ReleaseDeal><Deal><DealTerms>
    <TerritoryCode>DE</TerritoryCode><TerritoryCode>NO</TerritoryCode>
  </DealTerms></Deal></ReleaseDeal></DealList>
</ern:NewReleaseMessage>
"""
MACHINE = """\
<Contributor><SpecialContributor>GenerativeAI</SpecialContributor>
  <Role>Vocalist</Role></Contributor>
"""
SINGER = """\
<Contributor><ContributorPartyReference>P1</ContributorPartyReference><Role>Vocalist</Role>
  <AiContribution>{how}</AiContribution></Contributor>
"""


def message(contributors: str = "", recording: str = "", image: str = "") -> bytes:
    return MESSAGE.format(
        contributors=contributors, recording=recording, image=image, sha256="A" * 64
    ).encode()
