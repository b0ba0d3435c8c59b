"""The lineage graph has every model and test of the dbt project, though dbt itself is not asked for the selection."""

from __future__ import annotations

from dagster_dbt import dbt_assets


def test_reading_all_nodes_from_the_manifest_gives_what_dbt_itself_selects() -> None:
    from nurseconv_dagster.assets.marts import marts
    from nurseconv_dagster.resources.marts import MANIFEST

    @dbt_assets(manifest=MANIFEST, name="asked")
    def asked(context):
        yield from ()

    assert marts.keys == asked.keys
    assert marts.check_keys == asked.check_keys
    assert len(marts.keys) > 10
    assert {key: marts.asset_deps[key] for key in marts.keys} == {key: asked.asset_deps[key] for key in asked.keys}
