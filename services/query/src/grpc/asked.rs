//! Requests of gRPC -> the parameters of REST, which checks them. What is empty was not given.

use super::convert;
use crate::{
    api,
    error::{Answer, ApiError},
    params::{At, AtImage, AtPlotType, PageParams, Params},
    routes::{images, log, models, pictures, plot_types, quality, trend, why},
};
use hydra_proto::{PlotTypeName, query as pb};

pub fn text(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn limit(limit: u32) -> Option<u64> {
    (limit > 0).then_some(limit.into())
}

fn plot_type(name: &str) -> Answer<Option<PlotTypeName>> {
    if name.is_empty() { Ok(None) } else { Ok(Some(At::parse(name)?.0)) }
}

pub fn page(asked: u32, cursor: String) -> Params<PageParams> {
    Params(PageParams { limit: limit(asked), cursor: text(cursor) })
}

pub fn plot_types(asked: pb::ListPlotTypesRequest) -> Params<plot_types::ListParams> {
    Params(plot_types::ListParams {
        detector: text(asked.detector),
        group: text(asked.group),
        limit: limit(asked.limit),
        cursor: text(asked.cursor),
    })
}

pub fn images(asked: pb::ListImagesRequest) -> Answer<Params<images::ListParams>> {
    let order = match asked.order() {
        pb::Order::Unspecified => None,
        pb::Order::Newest => Some(images::OrderParam::Newest),
        pb::Order::Oldest => Some(images::OrderParam::Oldest),
    };
    Ok(Params(images::ListParams {
        plot_type: plot_type(&asked.plot_type)?,
        run: asked.run,
        from_us: asked.from_us,
        to_us: asked.to_us,
        order,
        limit: limit(asked.limit),
        cursor: text(asked.cursor),
    }))
}

/// The image and which picture of it.
pub fn picture(asked: pb::GetPictureRequest) -> Answer<(AtImage, pictures::Kind)> {
    let kind = match asked.kind() {
        pb::PictureKind::Unspecified => {
            return Err(ApiError::bad("kind: allowed are ORIGINAL, THUMBNAIL, HEATMAP"));
        }
        pb::PictureKind::Original => pictures::Kind::Original,
        pb::PictureKind::Thumbnail => pictures::Kind::Thumbnail,
        pb::PictureKind::Heatmap => {
            let model = text(asked.model).map(|digest| At::parse(&digest)).transpose()?;
            pictures::Kind::Heatmap(pictures::HeatmapParams {
                label: text(asked.label),
                model: model.map(|digest| digest.0),
                v: None,
            })
        }
    };
    Ok((At::parse(&asked.image)?, kind))
}

pub fn predictions(
    asked: pb::ListPredictionsRequest,
) -> Answer<(AtPlotType, Params<trend::PredictionParams>)> {
    let role = if asked.of_candidates { api::ModelRole::Candidate } else { api::ModelRole::Active };
    let params = trend::PredictionParams {
        from_us: asked.from_us,
        to_us: asked.to_us,
        role: Some(role),
        limit: limit(asked.limit),
        cursor: text(asked.cursor),
    };
    Ok((At::parse(&asked.plot_type)?, Params(params)))
}

pub fn trend(asked: pb::GetTrendRequest) -> Answer<(AtPlotType, Params<trend::TrendParams>)> {
    let params = trend::TrendParams {
        from_us: asked.from_us,
        to_us: asked.to_us,
        limit: limit(asked.limit),
        cursor: text(asked.cursor),
    };
    Ok((At::parse(&asked.plot_type)?, Params(params)))
}

pub fn why(asked: pb::ExplainVerdictRequest) -> Answer<(AtPlotType, Params<why::WhyParams>)> {
    Ok((At::parse(&asked.plot_type)?, Params(why::WhyParams { at_us: asked.at_us })))
}

pub fn log(asked: pb::ListLogRequest) -> Answer<Params<log::LogParams>> {
    let kinds: Vec<&str> = asked.kinds().filter_map(convert::log_kind_name).collect();
    Ok(Params(log::LogParams {
        kind: text(kinds.join(",")),
        from_us: asked.from_us,
        to_us: asked.to_us,
        detector: text(asked.detector),
        plot_type: plot_type(&asked.plot_type)?,
        run: asked.run,
        limit: limit(asked.limit),
        cursor: text(asked.cursor),
    }))
}

pub fn incidents(asked: pb::ListIncidentsRequest) -> Params<log::IncidentParams> {
    Params(log::IncidentParams {
        open: asked.open,
        from_us: asked.from_us,
        to_us: asked.to_us,
        limit: limit(asked.limit),
        cursor: text(asked.cursor),
    })
}

pub fn quality(asked: pb::ListQualityIntervalsRequest) -> quality::QualityParams {
    quality::QualityParams {
        run: asked.run,
        detector: text(asked.detector),
        format: None,
        limit: limit(asked.limit),
        cursor: text(asked.cursor),
    }
}

pub fn models(asked: pb::ListModelsRequest) -> Answer<Params<models::ListParams>> {
    Ok(Params(models::ListParams {
        plot_type: plot_type(&asked.plot_type)?,
        released: Some(asked.released),
        limit: limit(asked.limit),
        cursor: text(asked.cursor),
    }))
}
