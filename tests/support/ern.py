"""ERN messages of each structure, with places for what a test is about.

``message`` is ERN 4.3.2. ``release`` is the same delivery in any version.
"""

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

SHA256 = "b" * 64
V3 = ("3.4", "3.4.1", "3.5", "3.5.1", "3.6", "3.7", "3.7.1", "3.8", "3.8.1", "3.8.2", "3.8.3")
V4 = ("4.1", "4.1.1", "4.2", "4.3", "4.3.1", "4.3.2")
RELEASE = """\
<?xml version="1.0" encoding="UTF-8"?>
<ern:NewReleaseMessage xmlns:ern="{namespace}">
  <MessageHeader>
    <MessageId>M-2</MessageId>
    <MessageSender><PartyId>PADPIDA2014XYZ</PartyId></MessageSender>
    <MessageCreatedDateTime>2026-11-01T10:00:00Z</MessageCreatedDateTime>
  </MessageHeader>
  {head}
  <ResourceList>{resources}</ResourceList>
  <ReleaseList>{releases}</ReleaseList>
  <DealList>{deals}</DealList>
</ern:NewReleaseMessage>
"""
PARTIES = """\
<PartyList>
  <Party><PartyReference>P1</PartyReference><PartyName><FullName>A Singer</FullName></PartyName>
  </Party>
  <Party><PartyReference>P2</PartyReference><PartyName><FullName>A Writer</FullName></PartyName>
  </Party>
</PartyList>
"""
RECORDING_3 = """\
<SoundRecording>
  <SoundRecordingId><ISRC>{isrc}</ISRC></SoundRecordingId>
  <IndirectSoundRecordingId><ISWC>T1234567890</ISWC></IndirectSoundRecordingId>
  <ResourceReference>{reference}</ResourceReference>
  <ReferenceTitle><TitleText>{title}</TitleText></ReferenceTitle>
  <SoundRecordingDetailsByTerritory>
    <ExcludedTerritoryCode>MX</ExcludedTerritoryCode>
    <Title TitleType="FormalTitle"><TitleText>Formal</TitleText></Title>
    <Title TitleType="DisplayTitle"><TitleText>{title}</TitleText><SubTitle>Live</SubTitle></Title>
    <DisplayArtist><PartyName><FullName>A Singer</FullName></PartyName>
      <ArtistRole>MainArtist</ArtistRole></DisplayArtist>
    <ResourceContributor><PartyName><FullName>A Singer</FullName></PartyName>
      <ResourceContributorRole>Vocalist</ResourceContributorRole></ResourceContributor>
    <IndirectResourceContributor><PartyName><FullName>A Writer</FullName></PartyName>
      <IndirectResourceContributorRole>Composer</IndirectResourceContributorRole>
    </IndirectResourceContributor>
    <IndirectResourceContributor><PartyName><FullName>A Writer</FullName></PartyName>
      <IndirectResourceContributorRole>Lyricist</IndirectResourceContributorRole>
    </IndirectResourceContributor>
    <TechnicalSoundRecordingDetails>
      <TechnicalResourceDetailsReference>T9</TechnicalResourceDetailsReference>
      <IsPreview>true</IsPreview>
      <File><FileName>clip.wav</FileName><HashSum><HashSum>{other}</HashSum>
        <HashSumAlgorithmType>SHA-256</HashSumAlgorithmType></HashSum></File>
    </TechnicalSoundRecordingDetails>
    <TechnicalSoundRecordingDetails>
      <TechnicalResourceDetailsReference>T1</TechnicalResourceDetailsReference>
      <IsPreview>false</IsPreview>
      <File><FileName>{file}</FileName><FilePath>audio/</FilePath>
        <HashSum><HashSum>{sha256}</HashSum>
        <HashSumAlgorithmType>SHA-256</HashSumAlgorithmType></HashSum></File>
    </TechnicalSoundRecordingDetails>
  </SoundRecordingDetailsByTerritory>
  <SoundRecordingDetailsByTerritory>
    <TerritoryCode>MX</TerritoryCode>
    <DisplayArtist><PartyName><FullName>A Singer (UK)</FullName></PartyName>
      <ArtistRole>MainArtist</ArtistRole></DisplayArtist>
  </SoundRecordingDetailsByTerritory>
</SoundRecording>
"""
FILE_4 = """\
<File><URI>{uri}</URI><HashSum><Algorithm>SHA-256</Algorithm>
  <HashSumValue>{sha256}</HashSumValue></HashSum></File>
"""
DETAILS_4 = """\
<WorkId><ISWC>T1234567890</ISWC></WorkId>
<DisplayTitleText>{title} (Live)</DisplayTitleText>
<DisplayArtist><ArtistPartyReference>P1</ArtistPartyReference>
  <DisplayArtistRole>MainArtist</DisplayArtistRole></DisplayArtist>
<DisplayArtist><ArtistPartyReference>A Singer (UK)</ArtistPartyReference>
  <DisplayArtistRole>MainArtist</DisplayArtistRole></DisplayArtist>
<Contributor><ContributorPartyReference>P1</ContributorPartyReference><Role>Vocalist</Role>
</Contributor>
<Contributor><ContributorPartyReference>P2</ContributorPartyReference>
  <Role><Value>Composer</Value></Role><Role><Value>Lyricist</Value></Role></Contributor>
"""
# 4.1 to 4.2: no editions, and the file is in the technical details.
RECORDING_41 = """\
<SoundRecording>
  <ResourceReference>{reference}</ResourceReference>
  <ResourceId><ISRC>{isrc}</ISRC></ResourceId>
  {details}
  <TechnicalDetails>
    <TechnicalResourceDetailsReference>T9</TechnicalResourceDetailsReference>
    {clip}<IsPreview>true</IsPreview>
  </TechnicalDetails>
  <TechnicalDetails>
    <TechnicalResourceDetailsReference>T1</TechnicalResourceDetailsReference>{file}
  </TechnicalDetails>
</SoundRecording>
"""
RECORDING_43 = """\
<SoundRecording>
  <ResourceReference>{reference}</ResourceReference>
  <SoundRecordingEdition>
    <ResourceId><ISRC>{isrc}</ISRC></ResourceId>
    <TechnicalDetails>
      <TechnicalResourceDetailsReference>T9</TechnicalResourceDetailsReference>
      <DeliveryFile>{clip}</DeliveryFile><IsClip>true</IsClip>
    </TechnicalDetails>
    <TechnicalDetails>
      <TechnicalResourceDetailsReference>T1</TechnicalResourceDetailsReference>
      <DeliveryFile>{file}</DeliveryFile>
    </TechnicalDetails>
  </SoundRecordingEdition>
  {details}
</SoundRecording>
"""
RELEASE_DEAL = """\
<ReleaseDeal><DealReleaseReference>{release}</DealReleaseReference>
  <Deal><DealTerms>{terms}</DealTerms></Deal></ReleaseDeal>
"""
IMAGE = "<Image><ResourceReference>A9</ResourceReference></Image>"
VIDEO = "<Video><ResourceReference>A8</ResourceReference></Video>"


def message(contributors: str = "", recording: str = "", image: str = "") -> bytes:
    """Return an ERN 4.3.2 message of one recording with its image."""
    return MESSAGE.format(
        contributors=contributors, recording=recording, image=image, sha256="A" * 64
    ).encode()


def namespace(version: str) -> str:
    """Return the namespace of a version."""
    return f"http://ddex.net/xml/ern/{version.replace('.', '')}"


def recording(version: str, reference: str, isrc: str, title: str, sha256: str = SHA256) -> str:
    """Return a recording with a clip before its master, as a version writes it."""
    facts = {"reference": reference, "isrc": isrc}
    if version in V3:
        name = f"{reference}%20.wav"  # a name of 3.x is not encoded
        return RECORDING_3.format(**facts, title=title, file=name, sha256=sha256, other="c" * 64)
    structure = RECORDING_41 if version < "4.3" else RECORDING_43
    return structure.format(
        **facts,
        details=DETAILS_4.format(title=title),
        file=FILE_4.format(uri=f"audio/{reference}%2520.wav", sha256=sha256),
        clip=FILE_4.format(uri="clip.wav", sha256="c" * 64),
    )


def bundle(reference: str, upc: str, *resources: str, tag: str = "Release") -> str:
    """Return a release of some resources."""
    names = "".join(
        f"<ReleaseResourceReference>{name}</ReleaseResourceReference>" for name in resources
    )
    return (
        f"<{tag}><ReleaseReference>{reference}</ReleaseReference>"
        f"<ReleaseId><ICPN>{upc}</ICPN></ReleaseId>{names}</{tag}>"
    )


def deal(release: str, *countries: str, excluded: str = "", more: str = "") -> str:
    """Return a deal about a release: in some countries, or in all but one."""
    terms = "".join(f"<TerritoryCode>{country}</TerritoryCode>" for country in countries)
    if excluded:
        terms += f"<ExcludedTerritoryCode>{excluded}</ExcludedTerritoryCode>"
    return RELEASE_DEAL.format(release=release, terms=terms + more)


def release(
    version: str = "4.3.2", *resources: str, releases: str = "", deals: str = "", head: str = ""
) -> bytes:
    """Return a message with resources, releases and deals."""
    return RELEASE.format(
        namespace=namespace(version),
        head=head + ("" if version in V3 else PARTIES),
        resources="".join(resources),
        releases=releases,
        deals=deals,
    ).encode()


def purge(version: str, release_id: str) -> bytes:
    """Return a message that purges a release."""
    return (
        f'<ern:PurgeReleaseMessage xmlns:ern="{namespace(version)}"><MessageHeader>'
        "<MessageId>M-3</MessageId><MessageSender><PartyId>PADPIDA2014XYZ</PartyId>"
        "</MessageSender></MessageHeader><PurgedRelease><ReleaseId>"
        f"{release_id}</ReleaseId></PurgedRelease></ern:PurgeReleaseMessage>"
    ).encode()
